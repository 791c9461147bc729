//! The backward pass: loss and gradients of a batch, at once or with gradient accumulation.

use burn::{
    optim::{GradientsAccumulator, GradientsParams},
    tensor::Tensor,
};
use distill_datasets::HostBatch;
use distill_models::Checkpointed;

use super::{
    Learner,
    forward::{Draws, Forward, ForwardOutput},
    label_noise::TeacherRows,
    step_metrics::StepMetrics,
};
use crate::DriverError;

/// Output of the passes of a step.
pub(super) struct StepOutput {
    /// What the teacher says of the samples, in the first epoch.
    pub(super) teacher: Vec<TeacherRows>,
    pub(super) metrics: StepMetrics,
    /// Gradients of all trained parameters; `None` in an epoch without active terms.
    pub(super) gradients: Option<GradientsParams>,
}

/// Forward and backward pass of a batch, at an epoch (from 1) and a step of it (from 0).
///
/// With gradient accumulation one micro-batch's graph is there at a time; each counts by its samples, so that the
/// sum is the gradient of the mean over the batch, where no sample's loss depends on the others. Gradients are those
/// of the loss times `loss_scale`.
pub(super) fn forward_backward(
    forward: &Forward<'_>,
    learner: &mut Learner,
    batch: HostBatch,
    [epoch, step]: [usize; 2],
    loss_scale: f64,
) -> Result<StepOutput, DriverError> {
    let images = batch.len() as f64;
    let mut draws = forward.draws(epoch, step);
    let micro_batches = batch.split(forward.setup.config.optimizer.accumulate);
    let mut micro_batches = micro_batches.into_iter().map(|one| (one.len() as f64 / images, one));
    let (share, first) = micro_batches.next().expect("a batch has a sample");
    let StepOutput { mut teacher, mut metrics, mut gradients } =
        micro_batch(forward, learner, first, [share, loss_scale], epoch, &mut draws)?;
    let mut sum = GradientsAccumulator::new();
    for (share, one) in micro_batches {
        let output = micro_batch(forward, learner, one, [share, loss_scale], epoch, &mut draws)?;
        teacher.extend(output.teacher);
        metrics = metrics.plus(output.metrics);
        for one in gradients.take().into_iter().chain(output.gradients) {
            sum.accumulate(learner, one);
        }
    }
    // Of a batch in one piece they are as they came.
    let gradients = gradients.or_else(|| Some(sum.grads()).filter(|sum| !sum.is_empty()));
    Ok(StepOutput { teacher, metrics, gradients })
}

/// Gradients of a loss with respect to all trained parameters; `None` for a loss without a graph.
pub(super) fn gradients(
    forward: &Forward<'_>,
    loss: Tensor<1>,
    checkpointed: Option<(Checkpointed, u64)>,
    learner: &Learner,
) -> Option<GradientsParams> {
    let mut of_loss = loss.is_tracked().then(|| loss.backward())?;
    let own = GradientsParams::from_module(&mut of_loss, learner);
    let Some((checkpointed, seed)) = checkpointed else { return Some(own) };
    let of_network =
        checkpointed.gradients(&learner.network, &of_loss, &|segment| forward.begin(seed, segment));
    let mut all = GradientsAccumulator::new();
    all.accumulate(learner, own);
    all.accumulate(learner, of_network);
    Some(all.grads())
}

fn micro_batch(
    forward: &Forward<'_>,
    learner: &mut Learner,
    batch: HostBatch,
    [share, loss_scale]: [f64; 2],
    epoch: usize,
    draws: &mut Draws,
) -> Result<StepOutput, DriverError> {
    let objective = forward.setup.objective;
    let mut teacher = Vec::new();
    let looks_at_labels = epoch == 1 && forward.setup.teacher.is_some();
    let named = looks_at_labels
        .then(|| batch.classes().map(|labels| (batch.samples.clone(), labels.to_vec())))
        .transpose()?;
    let ForwardOutput { signals: mut all, checkpointed } =
        forward.run(learner, batch, epoch, draws)?;
    let peers = all.split_off(1);
    let signals = all.swap_remove(0);
    let logits = signals.student_logits("top-1")?.without_autodiff();
    let of = signals.labels("top-1")?.without_autodiff();
    let correct = logits.argmax(1).flatten::<1>(0, 1).equal(of).float().sum();
    if let Some((samples, labels)) = named {
        let logits = signals.teacher_logits("label noise")?.without_autodiff();
        teacher.push(TeacherRows::new(samples, labels, logits));
    }
    let value = objective.evaluate_with(&signals, &mut learner.connectors)?;
    drop(signals);
    let loss = times(value.total.clone().without_autodiff(), share);
    let terms = value.terms.into_iter().map(|term| times(term.value.without_autodiff(), share));
    let metrics = StepMetrics::new(correct, loss, terms);
    // Where no term counts in this epoch, there is nothing to follow.
    let mut total = value.total;
    for signals in &peers {
        // Each looks at the others as they are: the gradient of the sum is each one's own.
        total = total + objective.evaluate(signals)?.total;
    }
    let gradients = gradients(forward, times(total, share * loss_scale), checkpointed, learner);
    Ok(StepOutput { teacher, metrics, gradients })
}

fn times(value: Tensor<1>, factor: f64) -> Tensor<1> {
    if factor == 1.0 { value } else { value * factor }
}
