//! Files that a dataset was read from, and their common identity.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// A file that a dataset was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it lies.
    pub path: PathBuf,
    /// sha256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// One identity for several files, as the dataset's `sha256` says.
pub(crate) fn identity(files: &[SourceFile], root: &Path) -> String {
    if let [file] = files {
        return file.sha256.clone();
    }
    let mut hash = Sha256::new();
    for file in files {
        let place = file.path.strip_prefix(root).unwrap_or(&file.path);
        let parts: Vec<_> = place.iter().map(|part| part.to_string_lossy()).collect();
        hash.update(format!("{}  {}\n", file.sha256, parts.join("/")));
    }
    hex::encode(hash.finalize())
}
