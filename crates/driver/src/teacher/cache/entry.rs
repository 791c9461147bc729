//! Cached outputs of one teacher on disk: a folder named after everything that they depend on.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::shard::ShardId;
use crate::{
    DriverError, Event, Observer,
    store::{create_dir, fingerprint, write_json},
};

/// `entry.json`: what cached outputs depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheRecord {
    /// sha256 of `inputs`.
    pub key: String,
    /// Everything that the outputs depend on: teacher, data, views, order, precision.
    pub inputs: serde_json::Value,
    /// Images of a view.
    pub images: u64,
    /// Images of a full shard.
    pub shard_images: u64,
    /// Images as they are, without augmentation, whose outputs are there too as view 0.
    pub plain_images: u64,
    /// Bytes of one image's outputs.
    pub image_bytes: u64,
}

/// A folder of the cache.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) path: PathBuf,
    pub(super) record: CacheRecord,
}

const RECORD: &str = "entry.json";
const USED: &str = "use.lock";
const FILLED: &str = "fill.lock";

impl Entry {
    /// Opens the folder of these outputs below `cache`, or begins it, and holds it: nobody clears it
    /// meanwhile. A record that is damaged is written again, for shards know themselves whose they are.
    pub(super) fn hold(
        cache: &Path,
        record: &CacheRecord,
        observer: &mut dyn Observer,
    ) -> Result<(Self, File), DriverError> {
        let entry = Self { path: cache.join(&record.key[..16]), record: record.clone() };
        let file = entry.path.join(RECORD);
        loop {
            create_dir(&entry.path)?;
            match Self::read(&entry.path) {
                Ok(there) if there.record == *record => {}
                there => {
                    if file.exists() {
                        let problem = there.err().unwrap_or_else(|| "it is of others".to_owned());
                        let path = file.display();
                        observer.on(Event::Note(format!(
                            "warning: {path}: a damaged record of the teacher cache ({problem}), written again"
                        )));
                    }
                    write_json(&file, record)?;
                }
            }
            let (lock, path) = entry.lock_file(USED)?;
            lock.lock_shared().map_err(DriverError::io(path))?;
            // It may have been cleared before it was held.
            if file.exists() {
                return Ok((entry, lock));
            }
        }
    }

    /// The entry in a folder; what is wrong with its record is the error.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let bytes = fs::read(path.join(RECORD)).map_err(|e| e.to_string())?;
        let record: CacheRecord = serde_json::from_slice(&bytes).map_err(|e| e.to_string())?;
        match fingerprint(&record.inputs) == record.key {
            true => Ok(Self { path: path.to_owned(), record }),
            false => Err("its key is not that of its inputs".to_owned()),
        }
    }

    /// The folders of a cache that hold outputs, by name.
    pub(super) fn folders(cache: &Path) -> Result<Vec<PathBuf>, DriverError> {
        let mut folders = inside(cache)?;
        folders.retain(|path| path.join(RECORD).is_file());
        Ok(folders)
    }

    /// What the shards of a view hold, in order.
    pub(super) fn shards(&self, view: u64) -> impl Iterator<Item = ShardId> {
        (0..).map_while(move |index| self.shard(view, index))
    }

    /// What a shard of a view holds, if the view has so many.
    pub(super) fn shard(&self, view: u64, index: u64) -> Option<ShardId> {
        let CacheRecord { images, shard_images, plain_images, image_bytes, .. } = self.record;
        let (images, each) =
            if view == 0 { (plain_images, plain_images) } else { (images, shard_images) };
        let before = index.checked_mul(each).filter(|before| *before < images)?;
        let records = each.min(images - before);
        Some(ShardId { key: self.key(), view, index, records, record: image_bytes })
    }

    fn key(&self) -> [u8; 32] {
        let mut key = [0; 32];
        // Damaged text gives a key that no shard has.
        let _ = hex::decode_to_slice(&self.record.key, &mut key);
        key
    }

    pub(super) fn shard_path(&self, shard: &ShardId) -> PathBuf {
        self.path.join(format!("view-{:05}", shard.view)).join(format!("{:05}", shard.index))
    }

    /// The shards that are there: view, place in it, file.
    pub(super) fn files(&self) -> Result<Vec<(u64, u64, PathBuf)>, DriverError> {
        let mut found = Vec::new();
        for view in self.views()? {
            for path in inside(&self.path.join(format!("view-{view:05}")))? {
                let index = path.file_name().and_then(|name| name.to_str()?.parse().ok());
                found.extend(index.map(|index| (view, index, path)));
            }
        }
        Ok(found)
    }

    /// Numbers of the views of which there is something.
    pub(super) fn views(&self) -> Result<Vec<u64>, DriverError> {
        let folders = inside(&self.path)?.into_iter();
        let views = folders
            .filter_map(|path| path.file_name()?.to_str()?.strip_prefix("view-")?.parse().ok());
        Ok(views.collect())
    }

    /// Held while outputs are added, unless another process does so.
    pub(super) fn lock_for_filling(&self) -> Result<Option<File>, DriverError> {
        self.try_lock(FILLED)
    }

    fn try_lock(&self, name: &str) -> Result<Option<File>, DriverError> {
        let (file, path) = self.lock_file(name)?;
        try_lock(file, &path)
    }

    /// A cache that others may only read has its files already.
    fn lock_file(&self, name: &str) -> Result<(File, PathBuf), DriverError> {
        let path = self.path.join(name);
        let open = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = open.or_else(|e| File::open(&path).map_err(|_| e));
        Ok((file.map_err(DriverError::io(&path))?, path))
    }
}

/// Removes the outputs in a folder, whatever state they are in, unless a run holds them.
pub(super) fn remove(path: &Path) -> Result<bool, DriverError> {
    let used = path.join(USED);
    // Where there is no such file, no run ever got as far as to hold it.
    let lock = File::open(&used).ok().map(|file| try_lock(file, &used)).transpose()?;
    if let Some(None) = lock {
        return Ok(false);
    }
    // What is left of a removal that was cut short is still an entry, to be removed again.
    for view in inside(path)?.into_iter().filter(|inner| inner.is_dir()) {
        fs::remove_dir_all(&view).map_err(DriverError::io(view))?;
    }
    fs::remove_dir_all(path).map_err(DriverError::io(path))?;
    Ok(true)
}

fn try_lock(file: File, path: &Path) -> Result<Option<File>, DriverError> {
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(e)) => Err(DriverError::io(path)(e)),
    }
}

/// What lies in a folder, by name; nothing where there is no folder.
pub(super) fn inside(folder: &Path) -> Result<Vec<PathBuf>, DriverError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(DriverError::io(folder)(e)),
    };
    let paths: Result<Vec<PathBuf>, _> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut paths = paths.map_err(DriverError::io(folder))?;
    paths.sort();
    Ok(paths)
}

/// Bytes of everything in a folder.
pub(super) fn size(folder: &Path) -> Result<u64, DriverError> {
    let mut bytes = 0;
    for path in inside(folder)? {
        // Another process may have renamed a file in between.
        let Ok(meta) = fs::symlink_metadata(&path) else { continue };
        bytes += if meta.is_dir() { size(&path)? } else { meta.len() };
    }
    Ok(bytes)
}
