//! The end of an epoch: validation, selection, weights that are kept, a checkpoint.

use distill_models::{
    Network,
    weights::{self, Precision},
};

use super::{
    Best, Context, non_finite, progress::Progress, setup::Setup, shares::gradient_shares,
    state::State,
};
use crate::{
    DriverError, Event,
    evaluation::{
        Metric, evaluate,
        metrics::{NegativeLogLikelihood, TopK},
    },
    metrics::{EpochRecord, Line},
    store::{Weights, peer_file, sha256, write_atomic},
    teacher::Teacher,
};

/// Figures that select an epoch.
struct Validation {
    top1: f64,
    nll: f64,
}

/// Closes the epoch at hand and opens the next one.
pub(super) fn end_epoch(
    setup: &Setup<'_>,
    state: &mut State,
    learning_rate: f64,
    context: &mut Context<'_>,
) -> Result<(), DriverError> {
    let scores = validate(&state.learner.network, setup, context)?;
    let progress = &mut state.progress;
    if !scores.nll.is_finite() {
        return Err(non_finite::state("validation loss", scores.nll, progress, context));
    }
    let sums = std::mem::take(&mut progress.epoch_sums);
    if sums.images == 0.0 {
        let what = "loss of every batch";
        return Err(non_finite::state(what, f64::NAN, progress, context));
    }
    let epoch = progress.epoch;
    let mut record = EpochRecord {
        epoch,
        step: setup.steps_done(progress),
        learning_rate,
        loss: sums.loss / sums.images,
        terms: setup.term_means(&sums),
        gradient_shares: gradient_shares(setup, &state.learner, epoch, context)?,
        train_top1: sums.correct / sums.images,
        validation_top1: scores.top1,
        validation_nll: scores.nll,
        stopped: false,
    };
    let candidate = Best { epoch, top1: scores.top1, nll: scores.nll };
    if progress.best.is_none_or(|best| candidate.is_better_than(&best)) {
        let hash = write(&state.learner.network, &Weights::Selected.file(), context)?;
        progress.best_sha256 = Some(hash);
        progress.best = Some(candidate);
    }
    if let Some(stopping) = &setup.config.early_stopping {
        stopping.note(candidate, progress);
    }
    select_peers(&state.learner.peers, progress, setup, context)?;
    if setup.config.keep.contains(&epoch) {
        let hash = write(&state.learner.network, &Weights::After(epoch).file(), context)?;
        progress.kept_sha256.insert(epoch, hash);
    }
    state.progress.epoch += 1;
    state.progress.step = 0;
    record.stopped = setup.stopped_after(&state.progress).is_some();
    state.metrics.append(&Line::Epoch(record.clone()))?;
    state.save(setup, context)?;
    let epochs = setup.config.epochs;
    context.observer.on(Event::Epoch { stage: context.stage, epochs, record: &record });
    Ok(())
}

/// Selects the epoch of each peer, as that of the network itself.
fn select_peers(
    peers: &[Network],
    progress: &mut Progress,
    setup: &Setup<'_>,
    context: &Context<'_>,
) -> Result<(), DriverError> {
    for (at, peer) in peers.iter().enumerate() {
        let scores = validate(peer, setup, context)?;
        if !scores.nll.is_finite() {
            let what = "validation loss of a peer";
            return Err(non_finite::state(what, scores.nll, progress, context));
        }
        let candidate = Best { epoch: progress.epoch, top1: scores.top1, nll: scores.nll };
        let before = progress.peers_best.get(at);
        if before.is_some_and(|(best, _)| !candidate.is_better_than(best)) {
            continue;
        }
        let entry = (candidate, write(peer, &peer_file(at, Weights::Selected), context)?);
        match progress.peers_best.get_mut(at) {
            Some(there) => *there = entry,
            None => progress.peers_best.push(entry),
        }
    }
    Ok(())
}

fn validate(
    network: &Network,
    setup: &Setup<'_>,
    context: &Context<'_>,
) -> Result<Validation, DriverError> {
    let network = Teacher::new(network, setup.data.preprocessing.clone());
    let (mut top1, mut nll) = (TopK::new(1), NegativeLogLikelihood::default());
    evaluate(
        setup.data.validation,
        context.device,
        |input| Ok::<_, DriverError>(network.logits_on_host(input)?),
        &mut [&mut top1, &mut nll],
        context.collective,
    )?;
    Ok(Validation { top1: top1.value(), nll: nll.value() })
}

/// Writes weights into the folder and gives their sha256.
fn write(network: &Network, name: &str, context: &Context<'_>) -> Result<String, DriverError> {
    let path = context.folder.join(name);
    let bytes = weights::to_bytes(network, Precision::Single, &path)?;
    write_atomic(&path, &bytes)?;
    Ok(sha256(&bytes))
}
