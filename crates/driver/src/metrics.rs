//! `metrics.jsonl`: one line every so many steps and one an epoch.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use distill_datasets::SampleId;
use serde::{Deserialize, Serialize};

use crate::{DriverError, Stage};

/// A line of `metrics.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Line {
    /// Means over some steps.
    Steps(StepsRecord),
    /// A skipped batch.
    Skipped(SkippedRecord),
    /// An epoch.
    Epoch(EpochRecord),
}

/// A batch skipped for a NaN or infinite loss or gradient.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SkippedRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Step, counted over the stage from 1.
    pub step: usize,
    /// Index of each of its images among the training images.
    pub samples: Vec<SampleId>,
}

/// Means over the steps since the line before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepsRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Last step of the means, counted over the stage from 1.
    pub step: usize,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// The objective, nats.
    pub loss: f64,
    /// Each term that counted, without its weight, in its own unit.
    pub terms: BTreeMap<String, f64>,
}

/// What an epoch gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EpochRecord {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Steps of the stage so far.
    pub step: usize,
    /// Learning rate of the last step.
    pub learning_rate: f64,
    /// Mean of the objective over the epoch, nats. In JSON `null` where it is NaN or infinite.
    #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
    pub loss: f64,
    /// Mean of each term that counted, without its weight, in its own unit.
    pub terms: BTreeMap<String, f64>,
    /// Of several terms, the share of each in the norms of their weighted gradients with respect to the
    /// network's weights, on the epoch's first batch; they sum up to 1.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub gradient_shares: BTreeMap<String, f64>,
    /// Share of training images that were right when they were trained on.
    pub train_top1: f64,
    /// Share of validation images that are right after the epoch.
    pub validation_top1: f64,
    /// Mean −log p of the right class on the validation images, nats.
    pub validation_nll: f64,
    /// Whether the training stopped after it, for want of an improvement.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

/// The lines of a stage of a run, without one that was being written when a process was killed; none where the
/// stage was not trained here.
///
/// # Errors
/// [`DriverError`] where the file is there and cannot be read.
pub fn of_run(run: &Path, stage: Stage) -> Result<Vec<Line>, DriverError> {
    let path = stage.folder(run).join(METRICS);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(DriverError::io(path)(e)),
    }
}

/// Its name in a stage's folder.
pub(crate) const METRICS: &str = "metrics.jsonl";

/// The file, open for appending.
#[derive(Debug)]
pub(crate) struct MetricsFile {
    path: PathBuf,
    file: File,
}

impl MetricsFile {
    /// Opens the file and cuts it to `length` bytes: lines of steps that a resumed run does again
    /// go away.
    pub(crate) fn open(path: &Path, length: u64) -> Result<Self, DriverError> {
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .open(path)
            .map_err(DriverError::io(path))?;
        let there = file.metadata().map_err(DriverError::io(path))?.len();
        file.set_len(length.min(there)).map_err(DriverError::io(path))?;
        file.seek(SeekFrom::End(0)).map_err(DriverError::io(path))?;
        Ok(Self { path: path.to_owned(), file })
    }

    pub(crate) fn append(&mut self, line: &Line) -> Result<(), DriverError> {
        let mut text = serde_json::to_string(line).expect("a record serialises");
        text.push('\n');
        self.file.write_all(text.as_bytes()).map_err(DriverError::io(&self.path))
    }

    /// Bytes written so far, all of them on disk.
    pub(crate) fn synced_length(&mut self) -> Result<u64, DriverError> {
        self.file.sync_all().map_err(DriverError::io(&self.path))?;
        self.file.stream_position().map_err(DriverError::io(&self.path))
    }
}
