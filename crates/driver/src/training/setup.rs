//! The unchanging inputs of a training, and what follows from them.

use std::collections::BTreeMap;

use distill_objective::Objective;

use super::{TrainingConfig, TrainingData, progress::Progress, sums::Sums};
use crate::teacher::TeacherOutputs;

/// Inputs that are the same in every step.
#[derive(Clone, Copy)]
pub(super) struct Setup<'a> {
    pub(super) data: &'a TrainingData<'a>,
    pub(super) objective: &'a Objective,
    pub(super) teacher: Option<&'a TeacherOutputs>,
    pub(super) config: &'a TrainingConfig,
}

impl Setup<'_> {
    /// Steps of the training that are done.
    pub(super) fn steps_done(&self, progress: &Progress) -> usize {
        (progress.epoch - 1) * self.data.train.batches() + progress.step
    }

    /// Whether the last epoch is done, or the training has stopped before.
    pub(super) fn is_over(&self, progress: &Progress) -> bool {
        progress.epoch > self.config.epochs || self.stopped_after(progress).is_some()
    }

    /// The epoch after which the training has stopped early, if it has.
    pub(super) fn stopped_after(&self, progress: &Progress) -> Option<usize> {
        let stopped = self.config.early_stopping?.stopped_after(progress);
        stopped.filter(|epoch| *epoch < self.config.epochs)
    }

    /// Learning rate of a step of the training, from 0.
    pub(super) fn learning_rate(&self, step: usize) -> f64 {
        let (per_epoch, epochs) = (self.data.train.batches(), self.config.epochs);
        let factor = self.config.schedule.factor_at(step, per_epoch, epochs);
        self.config.optimizer.learning_rate * factor
    }

    /// Mean of each term over the samples for which it counted.
    pub(super) fn term_means(&self, sums: &Sums) -> BTreeMap<String, f64> {
        let terms = self.objective.names().into_iter().zip(&sums.terms);
        let counted = terms.filter(|(_, sum)| sum.images > 0.0);
        counted.map(|(name, sum)| (name.to_owned(), sum.value / sum.images)).collect()
    }
}
