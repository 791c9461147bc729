//! One step: forward, loss, backward, optimizer; and what happens where a number is not finite.

use burn::{
    module::Module, optim::GradientsParams,
    optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate, tensor::Tensor,
};
use distill_datasets::{HostBatch, SampleId};

use super::{
    Context, Learner, NonFinite,
    backward::{StepOutput, forward_backward},
    clip::{clip_by_global_norm, global_norm, scale},
    forward::Forward,
    freeze::freeze_body,
    loss_scale::LossScale,
    max_norm::bound_weights,
    non_finite,
    progress::Progress,
    setup::Setup,
    state::{Pending, State},
};
use crate::{
    DriverError, Event,
    metrics::{Line, SkippedRecord},
};

/// A training that skips batches still ends where none is any good.
const SKIPPED_IN_A_ROW: usize = 10;

/// Trains on a batch.
pub(super) fn step(
    setup: &Setup<'_>,
    state: &mut State,
    batch: HostBatch,
    learning_rate: f64,
    context: &mut Context<'_>,
) -> Result<(), DriverError> {
    let (images, samples) = (batch.len() as f64, batch.samples.clone());
    let skips = setup.config.non_finite == NonFinite::Skip;
    let Progress { epoch, step, loss_scale, .. } = state.progress;
    // A forward pass changes running statistics, which clones share.
    let before = (skips || loss_scale.is_some()).then(|| state.learner.valid().train());
    let factor = loss_scale.map_or(1.0, |scale| scale.factor());
    let forward = Forward { setup, seed: context.seed, device: context.device };
    let StepOutput { teacher, metrics, gradients } =
        forward_backward(&forward, &mut state.learner, batch, [epoch, step], factor)?;
    if let Some(before) = before {
        let norm = gradients.as_ref().and_then(|all| global_norm(all, &state.learner));
        let loss = metrics.loss().is_finite();
        let gradient = norm.is_none_or(|norm| norm.into_scalar::<f32>().is_finite());
        let overflowed = loss_scale.is_some() && loss && !gradient;
        if overflowed || (skips && !(loss && gradient)) {
            state.learner = before;
            state.progress.loss_scale.iter_mut().for_each(LossScale::overflowed);
            return skip(setup, state, samples, context);
        }
        state.progress.loss_scale.iter_mut().for_each(LossScale::held);
        state.progress.skipped_in_a_row = 0;
    }
    state.pending.push(Pending { step: step + 1, images, metrics, teacher });
    let Some(mut gradients) = gradients else { return Ok(()) };
    if loss_scale.is_some() {
        let inverse = Tensor::full([1], 1.0 / factor, context.device);
        scale(&mut gradients, &state.learner, inverse);
    }
    if epoch <= setup.config.freeze_epochs {
        freeze_body(&mut gradients, &state.learner.network);
    }
    update(setup, state, gradients, learning_rate);
    Ok(())
}

/// Clips the gradients, steps the optimizer and bounds the weights, as far as the settings say so.
fn update(
    setup: &Setup<'_>,
    state: &mut State,
    mut gradients: GradientsParams,
    learning_rate: f64,
) {
    let optimizer = &setup.config.optimizer;
    if let Some(max_norm) = optimizer.clip_norm {
        let Learner { network, connectors, peers } = state.learner.clone();
        let own = Learner { network, connectors, peers: Vec::new() };
        clip_by_global_norm(&mut gradients, &own, max_norm);
        for peer in &peers {
            clip_by_global_norm(&mut gradients, peer, max_norm);
        }
    }
    let learning_rate = ModuleLearningRate::from(learning_rate);
    let learner = state.learner.clone();
    state.learner = state.optimizer.step(learning_rate, learner, gradients);
    if let Some(max_norm) = optimizer.max_norm {
        let Learner { network, connectors, peers } = state.learner.clone();
        let peers = peers.into_iter().map(|peer| bound_weights(peer, max_norm)).collect();
        let network = bound_weights(network, max_norm);
        state.learner = Learner { network, connectors, peers };
    }
}

fn skip(
    setup: &Setup<'_>,
    state: &mut State,
    samples: Vec<SampleId>,
    context: &mut Context<'_>,
) -> Result<(), DriverError> {
    let progress = &mut state.progress;
    progress.skipped_in_a_row += 1;
    progress.skipped += 1;
    let (epoch, step) = (progress.epoch, progress.step + 1);
    if progress.skipped_in_a_row == SKIPPED_IN_A_ROW {
        let what = "loss of ten batches in a row";
        return Err(non_finite::batch(what, f64::NAN, [epoch, step], setup.data, context));
    }
    let stage = context.stage.name();
    let note = match progress.loss_scale {
        Some(scale) => format!(
            "skipped, its gradients overflow; the loss is scaled by {} from here on",
            scale.factor()
        ),
        None => "skipped, its loss or gradient is NaN or infinite".to_owned(),
    };
    context
        .observer
        .on(Event::Note(format!("warning: {stage}: epoch {epoch}, step {step}: {note}")));
    let step = setup.steps_done(&state.progress) + 1;
    state.metrics.append(&Line::Skipped(SkippedRecord { epoch, step, samples }))
}
