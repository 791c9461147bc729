//! Looking after a cache: what is in it, whether it is whole, away with it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::SystemTime,
};

use serde::Serialize;

use super::{
    CacheRecord,
    entry::{self, Entry},
};
use crate::DriverError;

/// Cached outputs of one teacher.
#[derive(Debug, Clone, Serialize)]
pub struct CacheEntry {
    /// Name of the folder, the start of the key.
    pub name: String,
    /// Everything that the outputs depend on; `None` for a damaged record.
    pub record: Option<CacheRecord>,
    /// Views of which there is something.
    pub views: Vec<u64>,
    /// Bytes on disk.
    pub bytes: u64,
    /// When a run last opened them, seconds since 1970.
    pub used: Option<u64>,
}

/// What is wrong with a part of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CacheFault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What became of a clearing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Cleared {
    /// Bytes that are free now.
    pub bytes: u64,
    /// Cache entries that stay, for a run is using them.
    pub in_use: Vec<String>,
}

/// What is in the cache at `cache`.
///
/// # Errors
/// [`DriverError`] where a folder cannot be read.
pub fn cache_list(cache: &Path) -> Result<Vec<CacheEntry>, DriverError> {
    let mut entries = Vec::new();
    for path in Entry::folders(cache)? {
        let used = fs::metadata(path.join("use.lock")).and_then(|meta| meta.modified()).ok();
        let since = used.and_then(|used| used.duration_since(SystemTime::UNIX_EPOCH).ok());
        let entry = Entry::read(&path).ok();
        entries.push(CacheEntry {
            name: name(&path),
            views: entry.as_ref().map_or(Ok(Vec::new()), Entry::views)?,
            bytes: entry::size(&path)?,
            used: since.map(|since| since.as_secs()),
            record: entry.map(|entry| entry.record),
        });
    }
    Ok(entries)
}

/// Reads the entries called `names` whole, or all where there are no names, and says what is damaged.
/// What is not finished is no fault: the next run goes on with it.
///
/// # Errors
/// [`DriverError`] for a name that is not there and for what cannot be read.
pub fn cache_verify(cache: &Path, names: &[String]) -> Result<Vec<CacheFault>, DriverError> {
    let mut faults = Vec::new();
    for path in chosen(cache, names)? {
        let entry = match Entry::read(&path) {
            Ok(entry) => entry,
            Err(problem) => {
                faults.push(CacheFault { path: path.join("entry.json"), problem });
                continue;
            }
        };
        for (view, index, path) in entry.files()? {
            let problem = match entry.shard(view, index) {
                Some(shard) => shard.verify(&path).err(),
                None => Some("its view has no such part".to_owned()),
            };
            faults.extend(problem.map(|problem| CacheFault { path, problem }));
        }
    }
    Ok(faults)
}

/// Removes the entries called `names`, or all where there are no names; those that a run is using stay.
///
/// # Errors
/// [`DriverError`] for a name that is not there, and for what cannot be removed.
pub fn cache_clear(cache: &Path, names: &[String]) -> Result<Cleared, DriverError> {
    let mut cleared = Cleared::default();
    for path in chosen(cache, names)? {
        let bytes = entry::size(&path)?;
        match entry::remove(&path)? {
            true => cleared.bytes += bytes,
            false => cleared.in_use.push(name(&path)),
        }
    }
    Ok(cleared)
}

fn chosen(cache: &Path, names: &[String]) -> Result<Vec<PathBuf>, DriverError> {
    let mut folders = Entry::folders(cache)?;
    if let Some(unknown) = names.iter().find(|wanted| !folders.iter().any(|f| name(f) == **wanted))
    {
        return Err(DriverError::Folder {
            path: cache.to_owned(),
            problem: format!("there are no cached outputs called `{unknown}`"),
            hint: "`distill cache list` names those that are there".to_owned(),
        });
    }
    if !names.is_empty() {
        folders.retain(|folder| names.contains(&name(folder)));
    }
    Ok(folders)
}

fn name(folder: &Path) -> String {
    folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
