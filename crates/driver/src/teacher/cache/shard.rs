//! A file of records: what it holds, the records, a checksum over both.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use sha2::{Digest, Sha256};

use crate::{DriverError, store::write_atomic};

const MAGIC: &[u8; 16] = b"distill-answers1";
const HEADER: usize = 16 + 32 + 4 * 8;
const DIGEST: usize = 32;

/// What a shard holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardId {
    /// Key of its cache.
    pub(super) key: [u8; 32],
    pub(super) view: u64,
    /// Its place in the view, from 0.
    pub(super) index: u64,
    pub(super) records: u64,
    /// Bytes of a record.
    pub(super) record: u64,
}

impl ShardId {
    fn header(&self) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..16].copy_from_slice(MAGIC);
        header[16..48].copy_from_slice(&self.key);
        let numbers = [self.view, self.index, self.records, self.record];
        for (place, number) in header[48..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        header
    }

    /// Bytes of the file.
    pub(super) fn bytes(&self) -> u64 {
        self.records.saturating_mul(self.record).saturating_add((HEADER + DIGEST) as u64)
    }

    /// Writes a shard whole.
    pub(super) fn write(&self, path: &Path, records: &[u8]) -> Result<(), DriverError> {
        assert_eq!(records.len() as u64, self.records * self.record, "whole records");
        let mut bytes = Vec::with_capacity(self.bytes() as usize);
        bytes.extend(self.header());
        bytes.extend(records);
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        write_atomic(path, &bytes)
    }

    /// Reads a shard whole and says what is wrong with it.
    pub(super) fn verify(&self, path: &Path) -> Result<(), String> {
        let unreadable = |e: io::Error| e.to_string();
        let mut file = File::open(path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        if length != self.bytes() {
            return Err(format!("{length} bytes, expected {}", self.bytes()));
        }
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(unreadable)?;
        if header != self.header() {
            return Err("it is another cache's, or another part of this one".to_owned());
        }
        let mut sum = Sha256::new_with_prefix(header);
        let mut records = file.by_ref().take(self.records * self.record);
        io::copy(&mut records, &mut sum).map_err(unreadable)?;
        let mut digest = [0; DIGEST];
        file.read_exact(&mut digest).map_err(unreadable)?;
        match sum.finalize()[..] == digest {
            true => Ok(()),
            false => Err("its checksum differs".to_owned()),
        }
    }

    /// Reads record `at` of an open shard.
    pub(super) fn read(&self, file: &File, at: u64, record: &mut [u8]) -> io::Result<()> {
        read_at(file, record, HEADER as u64 + at * self.record)
    }
}

/// Reads at a place without moving the file's own: the system keeps the pages in memory, once for all
/// processes, and a file that was cut gives an error where a memory map would end the process.
#[cfg(unix)]
fn read_at(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
}

#[cfg(not(unix))]
fn read_at(mut file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.read_exact(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const ID: ShardId = ShardId { key: [7; 32], view: 2, index: 1, records: 3, record: 2 };

    #[test]
    fn every_flipped_bit_and_every_missing_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("shard");
        ID.write(&path, &[1, 2, 3, 4, 5, 6]).unwrap();
        ID.verify(&path).unwrap();
        let mut record = [0; 2];
        ID.read(&File::open(&path).unwrap(), 1, &mut record).unwrap();
        assert_eq!(record, [3, 4]);

        let whole = fs::read(&path).unwrap();
        assert_eq!(whole.len() as u64, ID.bytes());
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1 << (place % 8);
            fs::write(&path, damaged).unwrap();
            ID.verify(&path).unwrap_err();
            fs::write(&path, &whole[..place]).unwrap();
            ID.verify(&path).unwrap_err();
        }
        fs::write(&path, &whole).unwrap();
        let other = ShardId { view: 3, ..ID };
        assert!(other.verify(&path).unwrap_err().contains("another part"));
    }
}
