//! What a training is given beside network, objective and settings, and what it gives back.

use std::{collections::BTreeMap, path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use distill_collective::Collective;
use distill_datasets::{Loader, Part};
use distill_objective::Negatives;

use super::{Best, LabelNoise};
use crate::{Observer, Preprocessing, Stage};

/// Batches of a training.
#[derive(Debug)]
pub struct TrainingData<'a> {
    /// Batches of the training set.
    pub train: &'a Loader,
    /// Batches of the validation set, which selects the epoch.
    pub validation: &'a Loader,
    /// Input preprocessing of the network.
    pub preprocessing: &'a Preprocessing,
    /// Negative samples, for objectives that contrast samples.
    pub negatives: Option<&'a Negatives>,
}

/// Place, device and company of a training.
pub struct Context<'a> {
    /// Name of the training, for events and errors.
    pub stage: Stage,
    /// Folder, created where it is missing, of its checkpoints, `metrics.jsonl`, `last.bpk` and `selected.bpk`.
    pub folder: &'a Path,
    /// Identity of everything that the result depends on: a checkpoint with another one is refused.
    pub fingerprint: &'a str,
    /// Seed of the device's random numbers and of negative samples.
    pub seed: u64,
    /// Device, without autodiff.
    pub device: &'a Device,
    /// Processes of the training: this one alone, until gradients are summed over several.
    pub collective: &'a dyn Collective,
    /// Request to stop after the current step, with everything saved.
    pub interrupt: &'a AtomicBool,
    /// Receiver of events.
    pub observer: &'a mut dyn Observer,
}

impl Context<'_> {
    /// Share of each batch that this process takes.
    pub(super) fn part(&self) -> Part {
        Part { rank: self.collective.rank(), world: self.collective.world() }
    }
}

/// Result of a training; its weights are in the folder.
#[derive(Debug)]
pub struct Trained {
    /// Epochs that were done: all of them, unless the training stopped early.
    pub epochs: usize,
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// Throughput in images/s, without the first steps of each process where there are others.
    pub images_per_second: f64,
    /// Seconds of training steps spent waiting for batches.
    pub waiting_seconds: f64,
    /// Seconds in which the teacher computed; 0 with a teacher cache.
    pub teacher_seconds: f64,
    /// Batches skipped for a NaN or infinite loss or gradient.
    pub skipped: u64,
    /// Epoch whose weights are in `selected.bpk`.
    pub best: Best,
    /// The same of each peer, for `peer-1-selected.bpk` and so on.
    pub peers_best: Vec<Best>,
    /// Training samples whose label the teacher contradicts surely; none without a teacher.
    pub label_noise: Option<LabelNoise>,
    /// sha256 of the weights after each epoch that is kept.
    pub kept_sha256: BTreeMap<usize, String>,
}
