//! Settings of a training.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{EarlyStopping, OptimizerConfig, Refusal, ScheduleConfig};

/// Length, optimizer and records of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainingConfig {
    /// Passes over the training set, at least 1.
    pub epochs: usize,
    /// Optimizer, with gradient accumulation, checkpointing, clipping and precision.
    pub optimizer: OptimizerConfig,
    /// Learning rate schedule.
    pub schedule: ScheduleConfig,
    /// Reaction to a loss that is NaN or infinite.
    pub non_finite: NonFinite,
    /// Steps between two lines of `metrics.jsonl`, at least 1.
    pub log_every: usize,
    /// Steps between two checkpoints, beside those at the end of an epoch and after five minutes.
    pub checkpoint_every: Option<usize>,
    /// Epochs whose weights are kept, each in a file of its own.
    pub keep: BTreeSet<usize>,
    /// First epochs in which the last layer alone is trained. Running statistics of norms are updated all the same.
    /// Default 0.
    pub freeze_epochs: usize,
    /// When to stop before the last epoch; the learning rate follows the schedule of all `epochs` until then. Default
    /// never.
    pub early_stopping: Option<EarlyStopping>,
}

impl TrainingConfig {
    /// Checks the ranges: name, value and what is allowed of the first field that is out of its own.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let counts = [
            ("epochs", Some(self.epochs)),
            ("log_every", Some(self.log_every)),
            ("checkpoint_every", self.checkpoint_every),
        ];
        if let Some((field, _)) = counts.into_iter().find(|(_, count)| *count == Some(0)) {
            return Err((field.to_owned(), "0".to_owned(), "at least 1"));
        }
        if let Some(stopping) = &self.early_stopping {
            stopping.check()?;
        }
        self.optimizer.check()?;
        // A training that is cut short keeps its schedule: the warm-up may be longer than it.
        self.schedule.check(usize::MAX)
    }
}

/// One epoch with Adam, stopping at a loss that is NaN or infinite.
impl Default for TrainingConfig {
    fn default() -> Self {
        Self {
            epochs: 1,
            optimizer: OptimizerConfig::default(),
            schedule: ScheduleConfig::default(),
            non_finite: NonFinite::default(),
            log_every: 50,
            checkpoint_every: None,
            keep: BTreeSet::new(),
            freeze_epochs: 0,
            early_stopping: None,
        }
    }
}

/// Reaction to a loss that is NaN or infinite.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum NonFinite {
    /// The run stops and names the batch; where the step before ruined the weights, that is the next one.
    #[default]
    Stop,
    /// The batch is skipped, and one whose gradient is NaN or infinite too; ten in a row stop the run. Each step
    /// then waits for its loss.
    Skip,
}

impl NonFinite {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
