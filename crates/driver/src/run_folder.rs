//! A run's folder: whose it is, whether it can take the run, and what it was run with.

use std::{fs, path::Path};

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::{
    DriverError,
    files::{WRITING, create_dir, write_atomic},
};

/// `run.json`: with what the run was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
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
pub struct DatasetRecord {
    /// Its name.
    pub name: String,
    /// Images that train.
    pub train: usize,
    /// Images that are held out to select the epoch.
    pub validation: usize,
    /// Images of the final evaluation.
    pub test: usize,
    /// Number of classes.
    pub classes: usize,
    /// Identity of its bytes.
    pub sha256: String,
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

/// Version of Burn that this crate is built with.
pub(crate) const BURN: &str = "0.22.1";

/// A device in words, without the wrapping of Burn's debug output.
pub(crate) fn device_name(device: &Device) -> String {
    format!("{device:?}")
}

/// Makes sure that `out` is a new folder or one of this recipe, can be written, and has room for
/// `bytes`.
pub(crate) fn prepare(out: &Path, recipe: &str, bytes: u64) -> Result<(), DriverError> {
    let refuse = |problem: String, hint: &str| DriverError::Folder {
        path: out.to_owned(),
        problem,
        hint: hint.to_owned(),
    };
    if let Ok(entries) = fs::read_dir(out) {
        let names = entries
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned());
        let foreign = names.into_iter().any(|name| !name.starts_with(WRITING));
        match fs::read_to_string(out.join("recipe.toml")) {
            Ok(text) => {
                let table: toml::Table = toml::from_str(&text).unwrap_or_default();
                let held = table
                    .get("name")
                    .and_then(toml::Value::as_str)
                    .unwrap_or("another");
                if held != recipe {
                    let problem = format!("it holds a run of the recipe `{held}`");
                    return Err(refuse(problem, "name another folder with `--out`"));
                }
            }
            Err(_) if foreign => {
                let problem = "it holds something else than a run".to_owned();
                return Err(refuse(
                    problem,
                    "name an empty folder or a new one with `--out`",
                ));
            }
            Err(_) => {}
        }
    } else if out.exists() {
        return Err(refuse(
            "it is not a folder".to_owned(),
            "name a folder with `--out`",
        ));
    }
    create_dir(out)?;
    let probe = out.join(".probe");
    write_atomic(&probe, b"probe")?;
    fs::remove_file(&probe).map_err(DriverError::io(probe))?;
    let free = fs4::available_space(out).map_err(DriverError::io(out))?;
    if free < bytes {
        let megabytes = |bytes: u64| bytes.div_ceil(1 << 20);
        let problem = format!(
            "{} MiB are free, expected {} MiB for weights and checkpoints",
            megabytes(free),
            megabytes(bytes)
        );
        return Err(refuse(
            problem,
            "make room, or name a folder on another disk with `--out`",
        ));
    }
    Ok(())
}
