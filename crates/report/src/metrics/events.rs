//! The bytes of TensorBoard's event files: records of TensorFlow's `TFRecord` around messages of its `event.proto`.

use prost::Message;

/// `tensorflow.Event`, of its fields those that scalars need.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Event {
    /// Seconds since 1970.
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    values: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
struct Scalar {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, tag = "2")]
    value: f32,
}

impl Event {
    /// The first one of a file.
    pub(super) fn head(wall_time: f64) -> Self {
        let file_version = Some("brain.Event:2".to_owned());
        Self { wall_time, file_version, ..Self::default() }
    }

    pub(super) fn scalars(wall_time: f64, step: u64, scalars: Vec<(String, f64)>) -> Self {
        let values =
            scalars.into_iter().map(|(tag, value)| Scalar { tag, value: value as f32 }).collect();
        let step = i64::try_from(step).unwrap_or(i64::MAX);
        Self { wall_time, step, summary: Some(Summary { values }), ..Self::default() }
    }

    /// Its length, its bytes, and a checksum of both.
    pub(super) fn record(&self) -> Vec<u8> {
        let event = self.encode_to_vec();
        let length = (event.len() as u64).to_le_bytes();
        [&length[..], &checksum(&length), &event, &checksum(&event)].concat()
    }
}

/// CRC-32C, masked so that a checksum of bytes that hold checksums is a good one: TensorFlow's
/// `core/lib/hash/crc32c.h`.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Written with TensorBoard 2.21: `RecordWriter(f).write(Event(wall_time=1.5, step=7,
    /// summary=Summary(value=[Summary.Value(tag="a", simple_value=0.25)])).SerializeToString())`.
    #[test]
    fn a_record_is_tensorboards_own() {
        let record = Event::scalars(1.5, 7, vec![("a".to_owned(), 0.25)]).record();
        assert_eq!(
            hex(&record),
            "1700000000000000e7cef81e09000000000000f83f10072a0a0a080a0161150000803e9fe3bbbc"
        );
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
