//! The downloads that are known, with their checksums.

use std::{
    fs,
    io::{BufReader, Read},
    path::Path,
    sync::LazyLock,
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::DataError;

/// One dataset, or one trained network, that can be fetched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Name in recipes; of a trained network, its architecture's.
    pub name: String,
    /// Licence as its authors state it.
    pub licence: String,
    /// Who made it, and where it is described.
    pub source: String,
    /// The files it consists of.
    #[serde(rename = "file")]
    pub files: Vec<RemoteFile>,
}

/// One file to fetch.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Place below the data folder, with `/` between parts.
    pub path: String,
    /// Where it comes from.
    pub url: String,
    /// Its size.
    pub bytes: u64,
    /// sha256 of its bytes, in hexadecimal.
    pub sha256: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    dataset: Vec<Entry>,
    teacher: Vec<Entry>,
}

/// Every dataset that can be fetched, as listed in the workspace's `datasets/catalogue.toml`.
pub fn catalogue() -> &'static [Entry] {
    &whole().dataset
}

/// Trained weights that can be fetched, listed there too.
pub fn teachers() -> &'static [Entry] {
    &whole().teacher
}

fn whole() -> &'static Catalogue {
    static WHOLE: LazyLock<Catalogue> = LazyLock::new(|| {
        let text = include_str!("../catalogue.toml");
        toml::from_str(text).expect("the catalogue is checked by a test")
    });
    &WHOLE
}

/// The entry of `name`, if it can be fetched.
pub fn entry(name: &str) -> Option<&'static Entry> {
    catalogue().iter().find(|entry| entry.name == name)
}

/// sha256 of a file, in hexadecimal.
///
/// # Errors
/// [`DataError::Io`] where it cannot be read.
pub fn sha256_of(path: &Path) -> Result<String, DataError> {
    let mut file = BufReader::new(fs::File::open(path).map_err(DataError::io(path))?);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(DataError::io(path))? {
            0 => return Ok(hex::encode(hash.finalize())),
            read => hash.update(&buffer[..read]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_complete_and_safe() {
        assert!(catalogue().len() >= 4);
        assert!(teachers().len() >= 2);
        let entries = catalogue().iter().chain(teachers());
        for file in entries.flat_map(|entry| &entry.files) {
            assert!(file.url.starts_with("https://"), "{}", file.url);
            assert_eq!(hex::decode(&file.sha256).map(|bytes| bytes.len()), Ok(32), "{}", file.path);
            assert!(file.bytes > 0 && !file.path.starts_with('/') && !file.path.contains(".."));
        }
    }
}
