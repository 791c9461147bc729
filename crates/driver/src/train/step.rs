//! One step: forward, loss, backward, optimizer; and what happens where a number is none.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate,
    tensor::Tensor,
};
use distill_datasets::HostBatch;

use super::{LossScale, State, Training, gradients::Passed, sums::TermSum};
use crate::{
    DriverError, Event, Learner, Observer,
    checkpoint::{self, Progress},
    clip::{clip_by_global_norm, global_norm, scale},
    files::write_json,
    max_norm::bound_weights,
    metrics::{Line, SkippedRecord},
    recipe::NonFinite,
};

/// A recipe that leaves out batches still ends where none is any good.
const SKIPPED_IN_A_ROW: usize = 10;

/// What a step left on the device.
pub(super) struct Pending {
    /// Step of the epoch, from 1.
    step: usize,
    images: f64,
    /// `[right, loss, terms that count...]`.
    seen: Tensor<1>,
}

impl Training<'_> {
    pub(super) fn step(
        &self,
        state: &mut State,
        progress: &mut Progress,
        batch: HostBatch,
        learning_rate: f64,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let (images, samples) = (batch.len() as f64, batch.samples.clone());
        let skips = self.non_finite == NonFinite::Skip;
        let Progress { epoch, step, loss_scale, .. } = *progress;
        // A forward pass changes running statistics, which clones share.
        let before = (skips || loss_scale.is_some()).then(|| state.learner.valid().train());
        let factor = loss_scale.map_or(1.0, |scale| scale.factor());
        let Passed { seen, gradients } =
            self.pass(&mut state.learner, batch, epoch, step, factor)?;
        if let Some(before) = before {
            let norm = gradients.as_ref().and_then(|all| global_norm(all, &state.learner));
            let read = |tensor: Tensor<1>| tensor.into_scalar::<f32>();
            let loss = read(seen.clone().narrow(0, 1, 1)).is_finite();
            let gradient = norm.is_none_or(|norm| read(norm).is_finite());
            let overflowed = loss_scale.is_some() && loss && !gradient;
            if overflowed || (skips && !(loss && gradient)) {
                state.learner = before;
                progress.loss_scale.iter_mut().for_each(LossScale::overflowed);
                return self.skip(state, progress, samples, observer);
            }
            progress.loss_scale.iter_mut().for_each(LossScale::held);
            progress.skipped_in_a_row = 0;
        }
        state.pending.push(Pending { step: step + 1, images, seen });
        let Some(mut gradients) = gradients else { return Ok(()) };
        if loss_scale.is_some() {
            let inverse = Tensor::full([1], 1.0 / factor, self.device);
            scale(&mut gradients, &state.learner, inverse);
        }
        if let Some(max_norm) = self.config.optimizer.clip_norm {
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
        if let Some(max_norm) = self.config.optimizer.max_norm {
            let Learner { network, connectors, peers } = state.learner.clone();
            let peers = peers.into_iter().map(|peer| bound_weights(peer, max_norm)).collect();
            let network = bound_weights(network, max_norm);
            state.learner = Learner { network, connectors, peers };
        }
        Ok(())
    }

    fn skip(
        &self,
        state: &mut State,
        progress: &mut Progress,
        samples: Vec<u32>,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        progress.skipped_in_a_row += 1;
        progress.skipped += 1;
        let (epoch, step) = (progress.epoch, progress.step + 1);
        if progress.skipped_in_a_row == SKIPPED_IN_A_ROW {
            let what = "loss of ten batches in a row";
            return Err(self.bad_batch(what, f64::NAN, progress, step));
        }
        let stage = self.stage.name();
        let note = match progress.loss_scale {
            Some(scale) => format!(
                "left out, its gradients overflow; the loss is scaled by {} from here on",
                scale.factor()
            ),
            None => "left out, for its loss or gradient is no number".to_owned(),
        };
        observer.on(Event::Note(format!("warning: {stage}: epoch {epoch}, step {step}: {note}")));
        let step = self.stage_step(progress) + 1;
        state.metrics.append(&Line::Skipped(SkippedRecord { epoch, step, samples }))
    }

    /// Reads what the device has summed up and adds it to the sums, step by step.
    pub(super) fn collect(
        &self,
        state: &mut State,
        progress: &mut Progress,
    ) -> Result<(), DriverError> {
        let Some(width) = state.pending.first().map(|pending| pending.seen.dims()[0]) else {
            return Ok(());
        };
        let pending = std::mem::take(&mut state.pending);
        let seen = pending.iter().map(|pending| pending.seen.clone()).collect();
        let values: Vec<f64> = Tensor::cat(seen, 0).into_data().iter::<f64>().collect();
        let names = self.objective.names();
        let counting = self.objective.names_in(progress.epoch);
        let place = |name| names.iter().position(|other| other == name).expect("one of them");
        let terms: Vec<usize> = counting.iter().map(place).collect();
        for (pending, seen) in pending.iter().zip(values.chunks_exact(width)) {
            if !seen[1].is_finite() {
                return Err(self.bad_batch("loss", seen[1], progress, pending.step));
            }
            for sums in [&mut progress.line_sums, &mut progress.epoch_sums] {
                sums.terms.resize(names.len(), TermSum::default());
                sums.add(pending.images, seen, &terms);
            }
        }
        Ok(())
    }

    /// Refuses to save weights that are no numbers: a gradient may be none where its loss is one.
    pub(super) fn check_weights(
        &self,
        learner: &Learner,
        progress: &Progress,
    ) -> Result<(), DriverError> {
        struct Sum(Vec<Tensor<1>>);
        impl ModuleVisitor for Sum {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                // Zero times a number is zero, and nothing else is.
                self.0.push((param.val().without_autodiff() * 0.0).sum());
            }
        }
        let mut sum = Sum(Vec::new());
        learner.visit(&mut sum);
        let value = Tensor::cat(sum.0, 0).sum().into_scalar::<f32>();
        match value.is_finite() {
            true => Ok(()),
            false => Err(self.bad_state("sum of weights", value.into(), progress)),
        }
    }

    /// The error of a step (from 1) with its batch, which a file holds whole.
    fn bad_batch(
        &self,
        what: &'static str,
        value: f64,
        progress: &Progress,
        step: usize,
    ) -> DriverError {
        let epoch = progress.epoch;
        let batch = self.train.epoch(epoch as u64, step - 1).next();
        let samples = batch.map_or_else(Vec::new, |batch| batch.samples);
        let record = serde_json::json!({ "epoch": epoch, "step": step, "samples": samples });
        if let Err(error) = write_json(&self.folder.join("non-finite.json"), &record) {
            tracing::warn!(%error, "the batch could not be written down");
        }
        let saved = checkpoint::last(self.folder);
        DriverError::NonFinite { what, value, epoch, step, samples, saved }
    }

    /// The error of the state after the step at hand.
    pub(super) fn bad_state(
        &self,
        what: &'static str,
        value: f64,
        progress: &Progress,
    ) -> DriverError {
        let Progress { epoch, step, .. } = *progress;
        let saved = checkpoint::last(self.folder);
        DriverError::NonFinite { what, value, epoch, step, samples: Vec::new(), saved }
    }
}
