//! Teacher outputs for one image as bytes: its logits, then its features, tap by tap.

use distill_objective::TapShape;
use half::f16;

use crate::teacher::{CacheConfig, Stored};

/// How the outputs for one image are laid out; every record has the same size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RecordLayout {
    pub(super) classes: usize,
    /// Logits that are stored, where these are not all.
    pub(super) top_k: Option<usize>,
    pub(super) stored: Stored,
    pub(super) taps: Vec<TapShape>,
}

impl RecordLayout {
    pub(super) fn new(section: &CacheConfig, classes: usize, taps: Vec<TapShape>) -> Self {
        Self { classes, top_k: section.top_k, stored: section.precision, taps }
    }

    /// Bytes of a record.
    pub(super) fn bytes(&self) -> usize {
        // Each stored class has its number in four bytes; the level of the others is one more logit.
        let logits = match self.top_k {
            Some(count) => 4 * count + self.width() * (count + 1),
            None => self.width() * self.classes,
        };
        logits + self.width() * self.taps.iter().map(values).sum::<usize>()
    }

    /// Appends one image's outputs. The first value that does not fit comes back as the error.
    pub(super) fn encode<'a>(
        &self,
        logits: &[f32],
        taps: impl Iterator<Item = &'a [f32]>,
        into: &mut Vec<u8>,
    ) -> Result<(), f32> {
        match self.top_k {
            Some(count) => {
                let (classes, level) = largest(logits, count);
                classes.iter().for_each(|class| into.extend((*class as u32).to_le_bytes()));
                for value in classes.iter().map(|class| logits[*class]).chain([level]) {
                    self.put(value, into)?;
                }
            }
            None => logits.iter().try_for_each(|value| self.put(*value, into))?,
        }
        for tap in taps {
            tap.iter().try_for_each(|value| self.put(*value, into))?;
        }
        Ok(())
    }

    /// Appends the outputs in a record to the rows of a batch; `None` for a class out of range.
    pub(super) fn decode(
        &self,
        record: &[u8],
        logits: &mut Vec<f32>,
        taps: &mut [Vec<f32>],
    ) -> Option<()> {
        let width = self.width();
        let mut rest = match self.top_k {
            Some(count) => {
                let (classes, rest) = record.split_at(4 * count);
                let (values, rest) = rest.split_at(width * (count + 1));
                let row = logits.len();
                logits.resize(row + self.classes, self.get(&values[width * count..]));
                for (class, value) in classes.chunks_exact(4).zip(values.chunks_exact(width)) {
                    let class = u32::from_le_bytes(class.try_into().expect("four bytes")) as usize;
                    *logits[row..].get_mut(class)? = self.get(value);
                }
                rest
            }
            None => {
                let (values, rest) = record.split_at(width * self.classes);
                logits.extend(values.chunks_exact(width).map(|value| self.get(value)));
                rest
            }
        };
        for (shape, tap) in self.taps.iter().zip(taps) {
            let (bytes, after) = rest.split_at(width * values(shape));
            tap.extend(bytes.chunks_exact(width).map(|value| self.get(value)));
            rest = after;
        }
        Some(())
    }

    fn width(&self) -> usize {
        match self.stored {
            Stored::F32 => 4,
            Stored::F16 => 2,
        }
    }

    fn put(&self, value: f32, into: &mut Vec<u8>) -> Result<(), f32> {
        match self.stored {
            Stored::F32 => into.extend(value.to_le_bytes()),
            Stored::F16 => {
                let rounded = f16::from_f32(value);
                if !rounded.is_finite() {
                    return Err(value);
                }
                into.extend(rounded.to_le_bytes());
            }
        }
        if value.is_finite() { Ok(()) } else { Err(value) }
    }

    fn get(&self, bytes: &[u8]) -> f32 {
        match self.stored {
            Stored::F32 => f32::from_le_bytes(bytes[..4].try_into().expect("four bytes")),
            Stored::F16 => f16::from_le_bytes(bytes[..2].try_into().expect("two bytes")).to_f32(),
        }
    }
}

/// Numbers of one image's features.
fn values(tap: &TapShape) -> usize {
    tap.width * tap.places
}

/// The classes of the `count` largest logits, of equal ones the first, and the one logit that gives all
/// others together the probability that they have.
fn largest(logits: &[f32], count: usize) -> (Vec<usize>, f32) {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]).then(a.cmp(b)));
    let others = order.split_off(count);
    let top = f64::from(logits[others[0]]);
    let sum: f64 = others.iter().map(|class| (f64::from(logits[*class]) - top).exp()).sum();
    (order, (top + (sum / others.len() as f64).ln()) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation::log_softmax;

    fn layout(top_k: Option<usize>, stored: Stored, taps: bool) -> RecordLayout {
        let tap = TapShape::map("block1", [2, 1, 2]);
        RecordLayout { classes: 5, top_k, stored, taps: if taps { vec![tap] } else { vec![] } }
    }

    const LOGITS: [f32; 5] = [1.5, -2.0, 4.25, 0.1, 4.25];
    const FEATURES: [f32; 4] = [0.5, -1.0, 3.0, 1e-3];

    fn through(layout: &RecordLayout) -> (Vec<f32>, Vec<Vec<f32>>) {
        let mut bytes = Vec::new();
        let features = layout.taps.iter().map(|_| &FEATURES[..]);
        layout.encode(&LOGITS, features, &mut bytes).unwrap();
        assert_eq!(bytes.len(), layout.bytes());
        let (mut logits, mut taps) = (Vec::new(), vec![Vec::new(); layout.taps.len()]);
        layout.decode(&bytes, &mut logits, &mut taps).unwrap();
        (logits, taps)
    }

    #[test]
    fn single_precision_gives_back_the_bits() {
        let layout = layout(None, Stored::F32, true);
        assert_eq!(layout.bytes(), 4 * (5 + 4));
        assert_eq!(through(&layout), (LOGITS.to_vec(), vec![FEATURES.to_vec()]));
    }

    #[test]
    fn half_precision_rounds_and_refuses_what_it_cannot_hold() {
        let layout = layout(None, Stored::F16, true);
        let (logits, taps) = through(&layout);
        let pairs = logits.iter().zip(&LOGITS).chain(taps[0].iter().zip(&FEATURES));
        pairs
            .for_each(|(got, was)| assert!((got - was).abs() <= was.abs() / 2048.0, "{got} {was}"));
        let refused = layout.encode(&[1e5; 5], std::iter::empty(), &mut Vec::new());
        assert_eq!(refused, Err(1e5));
    }

    #[test]
    fn the_largest_logits_stay_and_the_rest_keeps_its_mass() {
        let (logits, _) = through(&layout(Some(2), Stored::F32, false));
        assert_eq!((logits[2], logits[4]), (4.25, 4.25));
        assert!(logits[0] == logits[1] && logits[1] == logits[3]);
        let (stored, whole) = (log_softmax(&logits), log_softmax(&LOGITS));
        for class in [2, 4] {
            assert!((stored[class] - whole[class]).abs() < 1e-6, "class {class} keeps its share");
        }
        // By hand: log of the mean of exp(1.5), exp(-2), exp(0.1).
        assert!((logits[0] - 0.645_74).abs() < 1e-4, "{}", logits[0]);
    }

    #[test]
    fn a_class_that_is_not_there_is_seen() {
        let layout = layout(Some(1), Stored::F32, false);
        let mut bytes = 9_u32.to_le_bytes().to_vec();
        bytes.extend([0; 8]);
        assert_eq!(layout.decode(&bytes, &mut Vec::new(), &mut []), None);
    }
}
