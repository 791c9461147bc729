//! What closes an epoch: validation, the selected weights, those that are kept, a checkpoint.

use distill_models::weights::{self, Precision};

use super::{State, Training};
use crate::{
    DriverError, Event, Observer, Teacher,
    checkpoint::{Best, Progress},
    evaluate::Predictions,
    files::{sha256, write_atomic},
    metrics::{EpochRecord, Line},
    recipe::Weights,
};

impl Training<'_> {
    pub(super) fn end_epoch(
        &self,
        state: &mut State,
        progress: &mut Progress,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let network = Teacher::new(&state.learner.network, self.view.clone());
        let predictions = Predictions::of(&network, self.validation, self.device);
        let scores = predictions.scores(None);
        if !scores.nll.is_finite() {
            return Err(self.bad_state("validation loss", scores.nll, progress));
        }
        let sums = std::mem::take(&mut progress.epoch_sums);
        if sums.images == 0.0 {
            let what = "loss of every batch";
            return Err(self.bad_state(what, f64::NAN, progress));
        }
        let record = EpochRecord {
            epoch: progress.epoch,
            step: self.stage_step(progress),
            learning_rate,
            loss: sums.loss / sums.images,
            terms: self.term_means(&sums),
            gradient_shares: self.gradient_shares(&state.learner, progress.epoch)?,
            train_top1: sums.correct / sums.images,
            validation_top1: scores.top1,
            validation_nll: scores.nll,
        };
        let candidate = Best { epoch: progress.epoch, top1: scores.top1, nll: scores.nll };
        if progress.best.is_none_or(|best| candidate.is_better_than(&best)) {
            let path = self.folder.join("selected.bpk");
            let bytes = weights::to_bytes(&state.learner.network, Precision::Single, &path)?;
            write_atomic(&path, &bytes)?;
            progress.best_sha256 = Some(sha256(&bytes));
            progress.best = Some(candidate);
        }
        self.judge_peers(state, progress)?;
        if self.keep.contains(&progress.epoch) {
            let path = self.folder.join(Weights::After(progress.epoch).file());
            let bytes = weights::to_bytes(&state.learner.network, Precision::Single, &path)?;
            write_atomic(&path, &bytes)?;
            progress.kept_sha256.insert(progress.epoch, sha256(&bytes));
        }
        state.metrics.append(&Line::Epoch(record.clone()))?;
        progress.epoch += 1;
        progress.step = 0;
        self.save(state, progress)?;
        let epochs = self.config.epochs;
        observer.on(Event::Epoch { stage: self.stage, epochs, record: &record });
        Ok(())
    }
}

impl Best {
    pub(super) fn is_better_than(&self, other: &Self) -> bool {
        self.top1 > other.top1 || (self.top1 == other.top1 && self.nll < other.nll)
    }
}
