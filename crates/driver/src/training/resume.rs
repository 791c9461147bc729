//! Where a training begins: at its newest checkpoint that is whole and its own, or at the start.

use burn::optim::ModuleOptimizer;

use super::{Context, Learner, checkpoint, progress::Progress, setup::Setup};
use crate::{
    DriverError, Event,
    store::{Weights, hash_file},
};

/// Network, optimizer and position of the newest checkpoint; where there is none, those of the start.
///
/// # Errors
/// [`DriverError::Folder`] for a checkpoint of other inputs or a damaged one, and failures of files.
pub(super) fn start_or_resume(
    mut learner: Learner,
    setup: &Setup<'_>,
    context: &mut Context<'_>,
) -> Result<(Learner, ModuleOptimizer, Progress), DriverError> {
    let folder = context.folder;
    let mut optimizer = setup.config.optimizer.build();
    let progress = match checkpoint::newest(folder, context.observer)? {
        Some((path, progress)) if progress.fingerprint != context.fingerprint => {
            return Err(DriverError::Folder {
                path,
                problem: "it is a checkpoint of a stage with other inputs".to_owned(),
                hint: "give each training a folder of its own".to_owned(),
            });
        }
        Some((path, progress)) if !is_possible(&progress, setup) => {
            return Err(DriverError::Folder {
                path,
                problem: "a damaged checkpoint, `progress.json` names no place in this stage"
                    .to_owned(),
                hint: "delete the checkpoint, or name another folder with `--out`".to_owned(),
            });
        }
        Some((path, progress)) if has_kept(&progress, setup, context) => {
            (learner, optimizer) = checkpoint::load(&path, learner, optimizer)?;
            progress
        }
        there => {
            if there.is_some() {
                let name = context.stage.name();
                context.observer.on(Event::Note(format!(
                    "warning: {name}: begun anew, for weights of an epoch that is kept are missing or damaged"
                )));
                checkpoint::clear(folder)?;
            }
            let fingerprint = context.fingerprint.to_owned();
            Progress { fingerprint, epoch: 1, ..Default::default() }
        }
    };
    Ok((learner, optimizer, progress))
}

/// Whether the weights of each epoch that is kept and was done are there.
fn has_kept(progress: &Progress, setup: &Setup<'_>, context: &Context<'_>) -> bool {
    setup.config.keep.iter().filter(|epoch| **epoch < progress.epoch).all(|epoch| {
        let path = context.folder.join(Weights::After(*epoch).file());
        let known = progress.kept_sha256.get(epoch);
        known.is_some_and(|known| hash_file(&path).is_ok_and(|hash| hash == *known))
    })
}

/// Whether a checkpoint's position lies in this training.
fn is_possible(progress: &Progress, setup: &Setup<'_>) -> bool {
    let Progress { epoch, step, .. } = *progress;
    let epochs = setup.config.epochs;
    let terms = setup.objective.names().len();
    let sums = [&progress.epoch_sums, &progress.line_sums];
    (1..=epochs + 1).contains(&epoch)
        && (step < setup.data.train.batches() && (epoch <= epochs || step == 0))
        && progress.best.is_none_or(|best| (1..epoch).contains(&best.epoch))
        && progress.best.is_some() == (epoch > 1)
        && progress.improved.is_none_or(|best| (1..epoch).contains(&best.epoch))
        && progress.best_sha256.is_some() == (epoch > 1)
        && progress.peers_best.iter().all(|(best, _)| (1..epoch).contains(&best.epoch))
        && [progress.seconds, progress.warm_up.seconds].iter().all(|s| s.is_finite() && *s >= 0.0)
        && sums.iter().all(|sums| sums.terms.is_empty() || sums.terms.len() == terms)
}
