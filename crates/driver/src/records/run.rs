//! A run's folder: whose it is, whether it can take the run, and what it was run with.

use std::{
    fs::{self, File},
    path::Path,
};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{
    DriverError,
    store::{WRITING, read_json, require},
};

/// `run.json`: with what the run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the recipe.
    pub recipe: String,
    /// Version of this toolkit.
    pub version: String,
    /// Version of Burn.
    pub burn: String,
    /// Name of the backend.
    pub backend: String,
    /// The device as Burn describes it.
    pub device: String,
    /// Seed of the run.
    pub seed: u64,
    /// The machine.
    pub host: Host,
    /// The data.
    pub dataset: DatasetRecord,
    /// The student's objective as it is effectively minimised.
    pub formula: String,
    /// Memory that was expected to be needed where it computes, bytes; none where all was there already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_estimate: Option<u64>,
}

/// The machine of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Logical cores that the run may use.
    pub cores: usize,
}

/// The data of a run, as `report.json` states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DatasetRecord {
    /// Its name.
    pub name: String,
    /// Images that train.
    pub train: usize,
    /// Images that are held out to select the epoch.
    pub validation: usize,
    /// Images of the final evaluation.
    pub test: usize,
    /// Image files that do not decode and were left out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unreadable: usize,
    /// Number of classes.
    pub classes: usize,
    /// Identity of its bytes.
    pub sha256: String,
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl RunRecord {
    /// The record of a run.
    ///
    /// # Errors
    /// [`DriverError::Folder`] where the folder is no run.
    pub fn of_run(run: &Path) -> Result<Self, DriverError> {
        require(run, "run.json")
    }
}

impl Host {
    /// This machine.
    pub fn here() -> Self {
        Self {
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Held by the process that works in a run's folder.
const LOCK: &str = ".lock";

/// Version of Burn that this crate is built with. Burn says it nowhere; a test compares it with the lock file.
pub(crate) const BURN: &str = "0.22.1";

/// A device in words.
pub(crate) fn device_name(device: &Device) -> String {
    format!("{device:?}")
}

/// Makes the run's folder this process's, as long as the file is held.
pub(crate) fn lock(run: &Path) -> Result<File, DriverError> {
    let refuse = |problem: String, hint: &str| DriverError::Folder {
        path: run.to_owned(),
        problem,
        hint: hint.to_owned(),
    };
    let lock = File::create(run.join(LOCK))
        .map_err(|e| refuse(format!("it cannot be written ({e})"), "work in another folder"))?;
    if lock.try_lock().is_err() {
        let problem = "another process is running in it".to_owned();
        return Err(refuse(problem, "wait for it, or work in another folder"));
    }
    Ok(lock)
}

/// Makes sure that `out` is a new folder or one of this recipe, is no other process's, can be
/// written, and has room for `bytes`. The folder is this process's as long as the file is held.
pub(crate) fn prepare(out: &Path, recipe: &str, bytes: u64) -> Result<File, DriverError> {
    let refuse = |problem: String, hint: &str| DriverError::Folder {
        path: out.to_owned(),
        problem,
        hint: hint.to_owned(),
    };
    let unwritable = |e: &dyn std::fmt::Display| {
        refuse(format!("it cannot be written ({e})"), "name another folder with `--out`")
    };
    if let Ok(entries) = fs::read_dir(out) {
        let foreign = entries.flatten().any(|entry| {
            let name = entry.file_name();
            name != LOCK && !name.to_string_lossy().starts_with(WRITING)
        });
        match read_json::<RunRecord>(&out.join("run.json"))? {
            Some(held) if held.recipe != recipe => {
                let problem = format!("it holds a run of the recipe `{}`", held.recipe);
                return Err(refuse(problem, "name another folder with `--out`"));
            }
            None if foreign => {
                let problem = "it holds something else than a run".to_owned();
                return Err(refuse(problem, "name an empty folder or a new one with `--out`"));
            }
            _ => {}
        }
    } else if out.exists() {
        return Err(refuse("it is not a folder".to_owned(), "name a folder with `--out`"));
    }
    fs::create_dir_all(out).map_err(|e| unwritable(&e))?;
    let lock = lock(out)?;
    let free = fs4::available_space(out).map_err(|e| unwritable(&e))?;
    if free < bytes {
        let mebibytes = |bytes: u64| bytes.div_ceil(1 << 20);
        let problem = format!(
            "{} MiB are free, expected {} MiB for weights and checkpoints",
            mebibytes(free),
            mebibytes(bytes)
        );
        return Err(refuse(problem, "make room, or name a folder on another disk with `--out`"));
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_burn_is_the_one_that_is_built_with() {
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
        let lock: toml::Table = fs::read_to_string(lock).unwrap().parse().unwrap();
        let packages = lock["package"].as_array().unwrap();
        let burn = packages.iter().find(|package| package["name"].as_str() == Some("burn"));
        assert_eq!(burn.unwrap()["version"].as_str(), Some(BURN));
    }
}
