//! What a run tells while it goes on. The command line prints it; a library user may ignore it.

use distill_datasets::LoadEvent;
use serde::Serialize;

use crate::{Stage, metrics::EpochRecord};

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "event", content = "data", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Event<'a> {
    /// A file is being fetched: bytes that are there, and bytes it has.
    Fetching {
        /// Its place below the data folder.
        file: &'a str,
        /// Bytes that are there.
        have: u64,
        /// Bytes that it has.
        total: u64,
    },
    /// Images are decoded.
    Reading {
        /// Number of files that were read.
        done: usize,
        /// Number of all files.
        total: usize,
    },
    /// Something worth a line.
    Note(String),
    /// A stage starts, or goes on after an interruption.
    StageStarted {
        /// Which.
        stage: Stage,
        /// Name of the network.
        model: &'a str,
        /// Its trainable parameters.
        parameters: u64,
        /// Its objective's effective formula.
        formula: &'a str,
        /// Epochs it has.
        epochs: usize,
    },
    /// A stage's result is there already.
    StageSkipped {
        /// Which.
        stage: Stage,
        /// Why it need not run.
        reason: &'a str,
    },
    /// Teacher outputs are computed for the cache, ahead of the student's training.
    TeacherOutputs {
        /// Images done.
        done: u64,
        /// Images to do.
        total: u64,
        /// Images a second.
        images_per_second: f64,
    },
    /// Some steps were done.
    Steps {
        /// In which stage.
        stage: Stage,
        /// Epoch, from 1.
        epoch: usize,
        /// Epochs of the stage.
        epochs: usize,
        /// Steps done in this epoch.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
        /// Mean of the objective over the epoch so far, nats. In JSON `null` where it is NaN or infinite.
        #[cfg_attr(feature = "schema", schemars(with = "Option<f64>"))]
        loss: f64,
        /// Training images a second since the stage started here.
        images_per_second: f64,
        /// Estimate of the seconds that the stage still takes.
        seconds_left: f64,
    },
    /// An epoch ended.
    Epoch {
        /// In which stage.
        stage: Stage,
        /// Epochs of the stage.
        epochs: usize,
        /// What was measured.
        record: &'a EpochRecord,
    },
    /// A trained network is being evaluated on the test split.
    Evaluating {
        /// Whose.
        stage: Stage,
    },
    /// A network was evaluated on some images of the test split, or on validation images.
    Evaluated {
        /// Whose.
        stage: Stage,
        /// Images done.
        done: u64,
        /// Images to do.
        total: u64,
        /// Images a second.
        images_per_second: f64,
    },
}

/// Receives events.
pub trait Observer {
    /// Called for each event, on the training thread.
    fn on(&mut self, event: Event<'_>);
}

/// An observer that ignores everything.
#[derive(Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn on(&mut self, _event: Event<'_>) {}
}

impl<'a> From<LoadEvent<'a>> for Event<'a> {
    fn from(event: LoadEvent<'a>) -> Self {
        match event {
            LoadEvent::Fetching { file, have } => {
                Self::Fetching { file: &file.path, have, total: file.bytes }
            }
            LoadEvent::Reading { done, total } => Self::Reading { done, total },
        }
    }
}
