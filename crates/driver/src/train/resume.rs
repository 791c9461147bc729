//! Where a stage's training begins: at its checkpoint, where that can be trusted.

use burn::optim::ModuleOptimizer;

use super::Training;
use crate::{
    DriverError, Event, Learner, Observer,
    checkpoint::{self, Progress},
    recipe::Weights,
    stage::hash_file,
};

impl Training<'_> {
    /// Network, optimizer and position of the newest checkpoint; where there is none, those of the start.
    ///
    /// # Errors
    /// [`DriverError::Folder`] for a checkpoint of other inputs or a damaged one, and failures of files.
    pub(super) fn start_or_resume(
        &self,
        mut learner: Learner,
        observer: &mut dyn Observer,
    ) -> Result<(Learner, ModuleOptimizer, Progress), DriverError> {
        let mut optimizer = self.config.optimizer.build();
        let progress = match checkpoint::newest(self.folder, observer)? {
            Some((path, progress)) if progress.fingerprint != self.fingerprint => {
                return Err(DriverError::Folder {
                    path,
                    problem: "it is a checkpoint of a stage with other inputs".to_owned(),
                    hint: "give each training a folder of its own".to_owned(),
                });
            }
            Some((path, progress)) if !self.is_possible(&progress) => {
                return Err(DriverError::Folder {
                    path,
                    problem: "a damaged checkpoint, `progress.json` names no place in this stage"
                        .to_owned(),
                    hint: "delete the checkpoint, or name another folder with `--out`".to_owned(),
                });
            }
            Some((path, progress)) if self.has_kept(&progress) => {
                (learner, optimizer) = checkpoint::load(&path, learner, optimizer)?;
                progress
            }
            there => {
                if there.is_some() {
                    let name = self.stage.name();
                    observer.on(Event::Note(format!(
                        "warning: {name}: begun anew, for weights of an epoch that is kept are missing or damaged"
                    )));
                    checkpoint::clear(self.folder)?;
                }
                let fingerprint = self.fingerprint.to_owned();
                Progress { fingerprint, epoch: 1, ..Default::default() }
            }
        };
        Ok((learner, optimizer, progress))
    }

    /// Whether the weights of each epoch that is kept and was done are there.
    fn has_kept(&self, progress: &Progress) -> bool {
        self.keep.iter().filter(|epoch| **epoch < progress.epoch).all(|epoch| {
            let path = self.folder.join(Weights::After(*epoch).file());
            let known = progress.kept_sha256.get(epoch);
            known.is_some_and(|known| hash_file(&path).is_ok_and(|hash| hash == *known))
        })
    }

    /// Whether a checkpoint's position lies in this stage.
    fn is_possible(&self, progress: &Progress) -> bool {
        let Progress { epoch, step, .. } = *progress;
        let terms = self.objective.names().len();
        let sums = [&progress.epoch_sums, &progress.line_sums];
        (1..=self.config.epochs + 1).contains(&epoch)
            && (step < self.train.batches() && (epoch <= self.config.epochs || step == 0))
            && progress.best.is_none_or(|best| (1..epoch).contains(&best.epoch))
            && progress.best.is_some() == (epoch > 1)
            && progress.best_sha256.is_some() == (epoch > 1)
            && progress.peers_best.iter().all(|(best, _)| (1..epoch).contains(&best.epoch))
            && [progress.seconds, progress.warm_up.seconds]
                .iter()
                .all(|s| s.is_finite() && *s >= 0.0)
            && sums.iter().all(|sums| sums.terms.is_empty() || sums.terms.len() == terms)
    }
}
