//! Files that are whole or not there: temporary name, sync, rename.

use std::{fs, io::Write, path::Path};

use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

use crate::DriverError;

/// How names of files and folders start that are still being written.
pub(crate) const WRITING: &str = ".writing-";

/// Writes `bytes` to `path` so that a reader finds the old file or the new one. A link stays, and what it leads to is
/// written; what is no regular file, such as a pipe, is written as it is.
///
/// # Errors
/// [`DriverError::Io`].
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), DriverError> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let file = fs::OpenOptions::new().write(true).open(path);
        return file.and_then(|mut file| file.write_all(bytes)).map_err(DriverError::io(path));
    }
    let target = if path.is_symlink() { fs::canonicalize(path).ok() } else { None };
    let path = target.as_deref().unwrap_or(path);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(WRITING)
        .tempfile_in(folder)
        .map_err(DriverError::io(path))?;
    file.write_all(bytes).map_err(DriverError::io(path))?;
    file.as_file().sync_all().map_err(DriverError::io(path))?;
    let file = file.persist(path).map_err(|e| DriverError::io(path)(e.error))?;
    readable_by_all(&file).map_err(DriverError::io(path))?;
    sync_folder(folder)
}

/// Makes names that were just given in `folder` outlive a loss of power.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), DriverError> {
    #[cfg(unix)]
    {
        let name = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let folder = fs::File::open(name).map_err(DriverError::io(name))?;
        folder.sync_all().map_err(DriverError::io(name))?;
    }
    #[cfg(not(unix))]
    let _ = folder;
    Ok(())
}

/// Temporary files are private; results are not.
fn readable_by_all(file: &fs::File) -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), DriverError> {
    write_atomic(path, &to_json(value))
}

/// A record as a file holds it.
pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(value).expect("records serialise");
    text.push(b'\n');
    text
}

/// The value in `path`, or none where the file is missing. A damaged file is an error.
pub(crate) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, DriverError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(DriverError::io(path)(e)),
    };
    serde_json::from_str(&text).map(Some).map_err(|e| DriverError::Folder {
        path: path.to_owned(),
        problem: format!("a damaged record ({e})"),
        hint: "restore the file, or work in another folder".to_owned(),
    })
}

/// Removes what killed processes left half written in `folder`, for the one that holds its lock.
pub(crate) fn remove_unfinished(folder: &Path) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(WRITING)) {
        // What cannot be removed is in nobody's way.
        let path = entry.path();
        let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    }
}

pub(crate) fn create_dir(path: &Path) -> Result<(), DriverError> {
    fs::create_dir_all(path).map_err(DriverError::io(path))
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// sha256 of a file of weights.
pub(crate) fn hash_file(path: &Path) -> Result<String, DriverError> {
    Ok(sha256(&fs::read(path).map_err(DriverError::io(path))?))
}

pub(crate) fn require<T: serde::de::DeserializeOwned>(
    folder: &Path,
    file: &str,
) -> Result<T, DriverError> {
    read_json(&folder.join(file))?.ok_or_else(|| unfinished(folder, file))
}

pub(crate) fn unfinished(folder: &Path, file: &str) -> DriverError {
    DriverError::Folder {
        path: folder.to_owned(),
        problem: format!("there is no `{file}`, expected the folder of a finished run"),
        hint: "finish it with `distill run RECIPE --out FOLDER --resume`".to_owned(),
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{io::Read, os::unix::fs::symlink, process::Command, thread};

    use super::*;

    #[test]
    fn links_and_pipes_stay_what_they_are() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| folder.path().join(name));
        fs::write(&file, "before").unwrap();
        symlink(&file, &link).unwrap();
        write_atomic(&link, b"after").unwrap();
        assert!(link.is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "after");

        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let reader = {
            let pipe = pipe.clone();
            thread::spawn(move || {
                let mut text = String::new();
                fs::File::open(pipe).unwrap().read_to_string(&mut text).unwrap();
                text
            })
        };
        write_atomic(&pipe, b"through").unwrap();
        assert_eq!(reader.join().unwrap(), "through");
        assert!(!fs::metadata(&pipe).unwrap().is_file());
    }
}
