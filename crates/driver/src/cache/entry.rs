//! One teacher's answers on disk: a folder named after everything that they depend on.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use super::shard::ShardId;
use crate::{
    DriverError,
    files::{create_dir, read_json, write_json},
    stage::fingerprint,
};

/// `entry.json`: what the answers are of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CacheRecord {
    /// sha256 of `inputs`.
    pub key: String,
    /// Everything that the answers depend on: teacher, data, views, order, precision.
    pub inputs: serde_json::Value,
    /// Images of a view.
    pub images: u64,
    /// Images of a full shard.
    pub shard_images: u64,
    /// Images as they are, without augmentation, whose answers are there too as view 0.
    pub plain_images: u64,
    /// Bytes of one image's answers.
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
    /// Opens the folder of these answers below `cache`, or begins it.
    pub(super) fn open(cache: &Path, record: CacheRecord) -> Result<Self, DriverError> {
        let path = cache.join(&record.key[..16]);
        create_dir(&path)?;
        let file = path.join(RECORD);
        match read_json::<CacheRecord>(&file)? {
            Some(there) if there != record => Err(DriverError::Folder {
                path: file,
                problem: "it describes other answers than its folder's name".to_owned(),
                hint: "remove the folder; its answers are computed again".to_owned(),
            }),
            Some(_) => Ok(Self { path, record }),
            None => {
                write_json(&file, &record)?;
                Ok(Self { path, record })
            }
        }
    }

    /// All folders of a cache, by name. A folder without a record is none of ours.
    pub(super) fn all(cache: &Path) -> Result<Vec<Self>, DriverError> {
        let mut found = Vec::new();
        for path in inside(cache)? {
            let record: Option<CacheRecord> = read_json(&path.join(RECORD))?;
            let Some(record) = record else { continue };
            if fingerprint(&record.inputs) != record.key || record.shard_images == 0 {
                return Err(DriverError::Folder {
                    path: path.join(RECORD),
                    problem: "its key is not that of its inputs".to_owned(),
                    hint: "remove the folder; its answers are computed again".to_owned(),
                });
            }
            found.push(Self { path, record });
        }
        Ok(found)
    }

    /// What the shards of a view hold, in order.
    pub(super) fn shards(&self, view: u64) -> impl Iterator<Item = ShardId> {
        let CacheRecord { images, shard_images, plain_images, image_bytes, .. } = self.record;
        let key = self.key();
        let (images, each) =
            if view == 0 { (plain_images, plain_images) } else { (images, shard_images) };
        (0..if each == 0 { 0 } else { images.div_ceil(each) }).map(move |index| ShardId {
            key,
            view,
            index,
            records: each.min(images - index * each),
            record: image_bytes,
        })
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

    /// Numbers of the views of which there is something.
    pub(super) fn views(&self) -> Result<Vec<u64>, DriverError> {
        let name = |path: PathBuf| path.file_name()?.to_str()?.strip_prefix("view-")?.parse().ok();
        Ok(inside(&self.path)?.into_iter().filter_map(name).collect())
    }

    /// Held while the answers are read: nobody clears them meanwhile.
    pub(super) fn lock_for_use(&self) -> Result<File, DriverError> {
        let (file, path) = self.lock_file(USED)?;
        file.lock_shared().map_err(DriverError::io(path))?;
        Ok(file)
    }

    /// Held while the answers are removed, unless somebody reads them.
    pub(super) fn lock_for_removal(&self) -> Result<Option<File>, DriverError> {
        self.try_lock(USED)
    }

    /// Held while answers are added, unless another process does so.
    pub(super) fn lock_for_filling(&self) -> Result<Option<File>, DriverError> {
        self.try_lock(FILLED)
    }

    fn try_lock(&self, name: &str) -> Result<Option<File>, DriverError> {
        let (file, path) = self.lock_file(name)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(DriverError::io(path)(e)),
        }
    }

    /// A cache that others may only read has its files already.
    fn lock_file(&self, name: &str) -> Result<(File, PathBuf), DriverError> {
        let path = self.path.join(name);
        let open = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = open.or_else(|e| File::open(&path).map_err(|_| e));
        Ok((file.map_err(DriverError::io(&path))?, path))
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
