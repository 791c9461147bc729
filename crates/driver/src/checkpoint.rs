//! Checkpoints of a stage: whole folders, renamed into place, the newest one counts.

use std::{
    fs,
    path::{Path, PathBuf},
};

use burn::{module::Module, optim::ModuleOptimizer, store::ModuleRecord};
use distill_models::weights::{self, Precision};
use serde::{Deserialize, Serialize};

use crate::{
    DriverError, Learner,
    files::{WRITING, read_json, write_atomic, write_json},
    train::Sums,
};

/// Where a stage stands, beside weights and optimizer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    /// Fingerprint of what the stage depends on.
    pub(crate) fingerprint: String,
    /// Epoch in which the next step is, from 1.
    pub(crate) epoch: usize,
    /// Steps done in that epoch.
    pub(crate) step: usize,
    /// Seconds spent training so far.
    pub(crate) seconds: f64,
    /// Images trained on so far.
    pub(crate) images: u64,
    /// The selected epoch so far.
    pub(crate) best: Option<Best>,
    /// Sums over the epoch so far.
    pub(crate) epoch_sums: Sums,
    /// Sums since the last line of `metrics.jsonl`.
    pub(crate) line_sums: Sums,
    /// Length of `metrics.jsonl` in bytes.
    pub(crate) metrics_bytes: u64,
}

/// The epoch with the best validation result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Its share of right answers on the validation images.
    pub top1: f64,
    /// Its mean −log p there, nats.
    pub nll: f64,
}

const PREFIX: &str = "checkpoint-";
const CONNECTORS: &str = "connectors.bpk";

/// Writes a checkpoint and then deletes the ones before it.
pub(crate) fn save(
    folder: &Path,
    learner: &Learner,
    optimizer: &ModuleOptimizer,
    progress: &Progress,
) -> Result<(), DriverError> {
    let name = format!("{PREFIX}{:05}-{:07}", progress.epoch, progress.step);
    let target = folder.join(&name);
    let writing = tempfile::Builder::new()
        .prefix(WRITING)
        .tempdir_in(folder)
        .map_err(DriverError::io(folder))?;
    let model = writing.path().join("model.bpk");
    write_atomic(&model, &weights::to_bytes(&learner.network, Precision::Single, &model)?)?;
    if !learner.connectors.is_empty() {
        let path = writing.path().join(CONNECTORS);
        let record = learner.connectors.clone().into_record();
        write_atomic(&path, &record.into_bytes().map_err(|e| damaged("connectors", &path, &e))?)?;
    }
    let path = writing.path().join("optimizer.bpk");
    let state = optimizer.into_bytes().map_err(|e| damaged("the optimizer's state", &path, &e))?;
    write_atomic(&path, &state)?;
    write_json(&writing.path().join("progress.json"), progress)?;
    fs::rename(writing.keep(), &target).map_err(DriverError::io(&target))?;
    tracing::debug!(checkpoint = %target.display(), "saved");
    for older in list(folder)?.into_iter().filter(|path| *path != target) {
        fs::remove_dir_all(&older).map_err(DriverError::io(older))?;
    }
    Ok(())
}

/// The newest checkpoint: its folder and where the stage stands.
pub(crate) fn newest(folder: &Path) -> Result<Option<(PathBuf, Progress)>, DriverError> {
    for path in list(folder)?.into_iter().rev() {
        if let Some(progress) = read_json::<Progress>(&path.join("progress.json"))? {
            return Ok(Some((path, progress)));
        }
    }
    Ok(None)
}

/// Weights, connectors and optimizer of a checkpoint.
pub(crate) fn load(
    checkpoint: &Path,
    learner: Learner,
    optimizer: ModuleOptimizer,
) -> Result<(Learner, ModuleOptimizer), DriverError> {
    let network = weights::load(learner.network, &checkpoint.join("model.bpk"))?;
    let mut connectors = learner.connectors;
    if !connectors.is_empty() {
        let path = checkpoint.join(CONNECTORS);
        let refuse = |e| damaged("the connectors", &path, &e);
        let record = ModuleRecord::load(&path).map_err(refuse)?;
        connectors = connectors.try_load_record(record).map_err(refuse)?;
    }
    let path = checkpoint.join("optimizer.bpk");
    let optimizer =
        optimizer.load(&path).map_err(|e| damaged("the optimizer's state", &path, &e))?;
    Ok((Learner { network, connectors }, optimizer))
}

/// Deletes the checkpoints of a stage that is done, and what a killed process left half written.
pub(crate) fn clear(folder: &Path) -> Result<(), DriverError> {
    for path in list(folder)?.into_iter().chain(entries(folder, WRITING)?) {
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(DriverError::io(path))?;
    }
    Ok(())
}

/// Checkpoints from old to new.
fn list(folder: &Path) -> Result<Vec<PathBuf>, DriverError> {
    let mut found = entries(folder, PREFIX)?;
    found.sort();
    Ok(found)
}

fn entries(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, DriverError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(DriverError::io(folder))? {
        let entry = entry.map_err(DriverError::io(folder))?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn damaged(what: &str, path: &Path, error: &dyn std::fmt::Display) -> DriverError {
    DriverError::Folder {
        path: path.to_owned(),
        problem: format!("{what} cannot be used: {error}"),
        hint: "delete the checkpoint, or name another folder with `--out`".to_owned(),
    }
}
