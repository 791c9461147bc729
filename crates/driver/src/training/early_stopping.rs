//! Early stopping: a training ends where the validation has not improved for some epochs.

use serde::{Deserialize, Serialize};

use super::{Best, Refusal, progress::Progress};

/// When a training stops before its last epoch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    /// Epochs in a row without an improvement, at least 1.
    pub patience: usize,
    /// Gain in validation accuracy, a fraction in `[0, 1)`, that counts as an improvement where it is exceeded. With 0
    /// an epoch that is selected is one: of equal accuracies the lower negative log-likelihood counts.
    pub min_delta: f64,
}

impl EarlyStopping {
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let refuse =
            |field: &str, value: String, expected| Err((field.to_owned(), value, expected));
        if self.patience == 0 {
            return refuse("patience", "0".to_owned(), "at least 1");
        }
        if !(0.0..1.0).contains(&self.min_delta) {
            return refuse("min_delta", self.min_delta.to_string(), "a fraction in [0, 1)");
        }
        Ok(())
    }

    /// Notes an epoch that improves on the one that improved last.
    pub(super) fn note(&self, epoch: Best, progress: &mut Progress) {
        let improves = progress.improved.is_none_or(|last| match self.min_delta > 0.0 {
            true => epoch.top1 > last.top1 + self.min_delta,
            false => epoch.is_better_than(&last),
        });
        if improves {
            progress.improved = Some(epoch);
        }
    }

    /// The epoch after which a training stands stopped, if it does: the last one that it has done.
    pub(super) fn stopped_after(&self, progress: &Progress) -> Option<usize> {
        let done = progress.epoch - 1;
        let improved = progress.improved.as_ref()?.epoch;
        (progress.step == 0 && done >= improved + self.patience).then_some(done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The epoch after which a training with these validation accuracies stops.
    fn stop(stopping: EarlyStopping, top1: &[f64]) -> Option<usize> {
        let mut progress = Progress { epoch: 1, ..Default::default() };
        for top1 in top1 {
            let epoch = Best { epoch: progress.epoch, top1: *top1, nll: 1.0 };
            stopping.note(epoch, &mut progress);
            progress.epoch += 1;
            let stopped = stopping.stopped_after(&progress);
            if stopped.is_some() {
                return stopped;
            }
        }
        None
    }

    #[test]
    fn a_training_stops_after_so_many_epochs_without_an_improvement() {
        let patient = |patience, min_delta| EarlyStopping { patience, min_delta };
        let falling = [0.5, 0.4, 0.3, 0.2];
        assert_eq!(stop(patient(1, 0.0), &falling), Some(2));
        assert_eq!(stop(patient(3, 0.0), &falling), Some(4));
        assert_eq!(stop(patient(4, 0.0), &falling), None);
        assert_eq!(stop(patient(2, 0.0), &[0.1, 0.2, 0.1, 0.3, 0.2, 0.1]), Some(6));
        // Small gains add up until they exceed what counts.
        let slow = [0.50, 0.52, 0.54, 0.56, 0.58];
        assert_eq!(stop(patient(2, 0.0), &slow), None);
        assert_eq!(stop(patient(2, 0.05), &slow), Some(3));
        assert_eq!(stop(patient(3, 0.05), &slow), None);
    }

    #[test]
    fn within_an_epoch_no_training_stands_stopped() {
        let stopping = EarlyStopping { patience: 1, min_delta: 0.0 };
        let improved = Some(Best { epoch: 1, top1: 0.5, nll: 1.0 });
        let progress = Progress { epoch: 3, step: 1, improved, ..Default::default() };
        assert_eq!(stopping.stopped_after(&progress), None);
        assert_eq!(stopping.stopped_after(&Progress { step: 0, ..progress }), Some(2));
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let refused = |patience, min_delta| EarlyStopping { patience, min_delta }.check().err();
        assert_eq!(refused(1, 0.0), None);
        assert_eq!(refused(0, 0.0).map(|refusal| refusal.0).as_deref(), Some("patience"));
        for min_delta in [-0.1, 1.0, f64::NAN] {
            assert_eq!(refused(1, min_delta).map(|r| r.0).as_deref(), Some("min_delta"));
        }
    }
}
