//! Where a stage's training stands, beside weights and optimizer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{label_noise::LabelNoise, loss_scale::LossScale, sums::Sums};

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
    /// Those of the first steps of each process, which no rate counts.
    #[serde(default)]
    pub(crate) warm_up: WarmUp,
    /// Seconds of all that went by waiting for batches.
    pub(crate) waiting_seconds: f64,
    /// Seconds in which the teacher computed.
    pub(crate) teacher_seconds: f64,
    /// Batches skipped for a NaN or infinite loss or gradient.
    pub(crate) skipped: u64,
    /// Those of them since the last batch that was not.
    pub(crate) skipped_in_a_row: usize,
    /// The selected epoch so far.
    pub(crate) best: Option<Best>,
    /// sha256 of its weights, `selected.bpk`.
    pub(crate) best_sha256: Option<String>,
    /// The epoch that improved last, where early stopping waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) improved: Option<Best>,
    /// The same of each peer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) peers_best: Vec<(Best, String)>,
    /// sha256 of the weights after each epoch that is kept.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) kept_sha256: BTreeMap<usize, String>,
    /// What the loss is multiplied by, in half precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) loss_scale: Option<LossScale>,
    /// Samples of the first epoch whose label the teacher contradicts, where there is a teacher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) label_noise: Option<LabelNoise>,
    /// Sums over the epoch so far.
    pub(crate) epoch_sums: Sums,
    /// Sums since the last line of `metrics.jsonl`.
    pub(crate) line_sums: Sums,
    /// Length of `metrics.jsonl` in bytes.
    pub(crate) metrics_bytes: u64,
}

/// First steps: kernels are compiled and chosen, memory is taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct WarmUp {
    pub(crate) images: u64,
    pub(crate) seconds: f64,
}

/// The epoch with the best validation result.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Epoch, from 1.
    pub epoch: usize,
    /// Its share of validation images that it classifies correctly.
    pub top1: f64,
    /// Its mean −log p there, nats.
    pub nll: f64,
}

impl Progress {
    pub(super) fn images_per_second(&self) -> f64 {
        let WarmUp { images, seconds } = self.warm_up;
        match self.images > images {
            true => (self.images - images) as f64 / (self.seconds - seconds),
            false => self.images as f64 / self.seconds,
        }
    }
}

impl Best {
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        self.top1 > other.top1 || (self.top1 == other.top1 && self.nll < other.nll)
    }
}
