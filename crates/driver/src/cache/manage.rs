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

/// One teacher's answers in a cache.
#[derive(Debug, Clone, Serialize)]
pub struct CacheEntry {
    /// Name of the folder, the start of the key.
    pub name: String,
    /// What the answers are of.
    pub record: CacheRecord,
    /// Views of which there is something.
    pub views: Vec<u64>,
    /// Bytes on disk.
    pub bytes: u64,
    /// When a run last opened the answers, seconds since 1970.
    pub used: Option<u64>,
}

/// What is wrong with a part of a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CacheFault {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: String,
}

/// What is in the cache at `cache`.
///
/// # Errors
/// [`DriverError`] where a folder or a record cannot be read.
pub fn cache_list(cache: &Path) -> Result<Vec<CacheEntry>, DriverError> {
    let describe = |entry: Entry| {
        let used = fs::metadata(entry.path.join("use.lock")).and_then(|meta| meta.modified()).ok();
        let since = used.and_then(|used| used.duration_since(SystemTime::UNIX_EPOCH).ok());
        Ok(CacheEntry {
            name: name(&entry),
            views: entry.views()?,
            bytes: entry::size(&entry.path)?,
            used: since.map(|since| since.as_secs()),
            record: entry.record,
        })
    };
    Entry::all(cache)?.into_iter().map(describe).collect()
}

/// Reads the answers called `names` whole, or all where there are no names, and says what is damaged.
/// A view that is not finished is none: the next run goes on with it.
///
/// # Errors
/// [`DriverError`] for a name that is not there and for what cannot be read.
pub fn cache_verify(cache: &Path, names: &[String]) -> Result<Vec<CacheFault>, DriverError> {
    let mut faults = Vec::new();
    for entry in chosen(cache, names)? {
        for shard in entry.views()?.into_iter().flat_map(|view| entry.shards(view)) {
            let path = entry.shard_path(&shard);
            if path.exists() {
                faults
                    .extend(shard.verify(&path).err().map(|problem| CacheFault { path, problem }));
            }
        }
    }
    Ok(faults)
}

/// Removes the answers called `names`, or all where there are no names, and returns the bytes that are
/// free now.
///
/// # Errors
/// [`DriverError`] for a name that is not there, for answers that a run is reading, and for what cannot
/// be removed.
pub fn cache_clear(cache: &Path, names: &[String]) -> Result<u64, DriverError> {
    let mut bytes = 0;
    for entry in chosen(cache, names)? {
        let Some(_lock) = entry.lock_for_removal()? else {
            return Err(DriverError::Folder {
                path: entry.path,
                problem: "a run is using these answers".to_owned(),
                hint: "wait for it".to_owned(),
            });
        };
        bytes += entry::size(&entry.path)?;
        // Its record goes first: what is left of a removal that was cut short is no entry any more.
        fs::remove_file(entry.path.join("entry.json")).map_err(DriverError::io(&entry.path))?;
        fs::remove_dir_all(&entry.path).map_err(DriverError::io(&entry.path))?;
    }
    Ok(bytes)
}

fn chosen(cache: &Path, names: &[String]) -> Result<Vec<Entry>, DriverError> {
    let mut entries = Entry::all(cache)?;
    if let Some(unknown) = names.iter().find(|wanted| !entries.iter().any(|e| name(e) == **wanted))
    {
        return Err(DriverError::Folder {
            path: cache.to_owned(),
            problem: format!("there are no answers called `{unknown}`"),
            hint: "`distill cache list` names those that are there".to_owned(),
        });
    }
    if !names.is_empty() {
        entries.retain(|entry| names.contains(&name(entry)));
    }
    Ok(entries)
}

fn name(entry: &Entry) -> String {
    entry.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
