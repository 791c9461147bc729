//! Detection and reports of numbers that are NaN or infinite.

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};

use super::{Context, Learner, TrainingData, checkpoint, progress::Progress};
use crate::{DriverError, store::write_json};

/// The error of a batch, at an epoch and a step of it, both from 1; its samples are written to `non-finite.json`.
pub(super) fn batch(
    what: &'static str,
    value: f64,
    [epoch, step]: [usize; 2],
    data: &TrainingData<'_>,
    context: &Context<'_>,
) -> DriverError {
    // A batch that cannot be read again is not the error that counts.
    let batch = data.train.one(epoch as u64, step as u64 - 1).ok().flatten();
    let samples = batch.map_or_else(Vec::new, |batch| batch.samples);
    let record = serde_json::json!({ "epoch": epoch, "step": step, "samples": samples });
    if let Err(error) = write_json(&context.folder.join("non-finite.json"), &record) {
        tracing::warn!(%error, "the batch could not be written down");
    }
    let saved = checkpoint::last(context.folder);
    DriverError::NonFinite { what, value, epoch, step, samples, saved }
}

/// The error of the state after the current step.
pub(super) fn state(
    what: &'static str,
    value: f64,
    progress: &Progress,
    context: &Context<'_>,
) -> DriverError {
    let Progress { epoch, step, .. } = *progress;
    let saved = checkpoint::last(context.folder);
    DriverError::NonFinite { what, value, epoch, step, samples: Vec::new(), saved }
}

/// Refuses weights that are not finite: a gradient may be NaN where its loss is not.
pub(super) fn check_weights(
    learner: &Learner,
    progress: &Progress,
    context: &Context<'_>,
) -> Result<(), DriverError> {
    let mut sum = Sum(Vec::new());
    learner.visit(&mut sum);
    let value = Tensor::cat(sum.0, 0).sum().into_scalar::<f32>();
    match value.is_finite() {
        true => Ok(()),
        false => Err(state("sum of weights", value.into(), progress, context)),
    }
}

struct Sum(Vec<Tensor<1>>);

impl ModuleVisitor for Sum {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Zero times a finite number is zero, and nothing else is.
        self.0.push((param.val().without_autodiff() * 0.0).sum());
    }
}
