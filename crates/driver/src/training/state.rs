//! The changing state of a training: read back from the device, logged, saved.

use std::time::Instant;

use burn::{optim::ModuleOptimizer, tensor::Tensor};

use super::{
    Learner, checkpoint,
    context::Context,
    label_noise::TeacherRows,
    non_finite,
    progress::Progress,
    setup::Setup,
    step_metrics::{StepMetrics, StepValues},
    sums::TermSum,
};
use crate::{
    DriverError,
    metrics::{Line, MetricsFile, StepsRecord},
    teacher::TeacherOutputs,
};

/// Everything that a step changes.
pub(super) struct State {
    pub(super) learner: Learner,
    pub(super) optimizer: ModuleOptimizer,
    pub(super) progress: Progress,
    pub(super) metrics: MetricsFile,
    /// Steps whose metrics are still on the device.
    pub(super) pending: Vec<Pending>,
    /// Time of the last checkpoint.
    pub(super) saved: Instant,
    /// Teacher's seconds of earlier processes.
    pub(super) teacher_seconds: f64,
}

/// Metrics of a step on the device.
pub(super) struct Pending {
    /// Step of the epoch, from 1.
    pub(super) step: usize,
    pub(super) images: f64,
    pub(super) metrics: StepMetrics,
    /// What the teacher says of the samples, in the first epoch.
    pub(super) teacher: Vec<TeacherRows>,
}

impl State {
    /// Reads the metrics of all pending steps at once and adds them to the sums, step by step.
    pub(super) fn collect(
        &mut self,
        setup: &Setup<'_>,
        context: &Context<'_>,
    ) -> Result<(), DriverError> {
        let pending = std::mem::take(&mut self.pending);
        let Some(first) = pending.first() else { return Ok(()) };
        let width = first.metrics.width();
        let metrics = pending.iter().map(|pending| pending.metrics.packed()).collect();
        let values: Vec<f64> = Tensor::cat(metrics, 0).into_data().iter::<f64>().collect();
        let names = setup.objective.names();
        let mut counting = Vec::new();
        for name in setup.objective.names_in(self.progress.epoch) {
            counting.extend(names.iter().position(|other| *other == name));
        }
        for (pending, values) in pending.into_iter().zip(values.chunks_exact(width)) {
            let values = StepValues::unpack(values);
            if !values.loss.is_finite() {
                let step = pending.step;
                let (data, epoch) = (setup.data, self.progress.epoch);
                return Err(non_finite::batch("loss", values.loss, [epoch, step], data, context));
            }
            for sums in [&mut self.progress.line_sums, &mut self.progress.epoch_sums] {
                sums.terms.resize(names.len(), TermSum::default());
                sums.add(pending.images, &values, &counting);
            }
            for rows in pending.teacher {
                rows.add_to(self.progress.label_noise.get_or_insert_default());
            }
        }
        Ok(())
    }

    /// Writes a line of `metrics.jsonl` with the means since the line before.
    pub(super) fn write_line(
        &mut self,
        setup: &Setup<'_>,
        learning_rate: f64,
    ) -> Result<(), DriverError> {
        let sums = std::mem::take(&mut self.progress.line_sums);
        if sums.images == 0.0 {
            // All of these batches were skipped.
            return Ok(());
        }
        self.metrics.append(&Line::Steps(StepsRecord {
            epoch: self.progress.epoch,
            step: setup.steps_done(&self.progress),
            learning_rate,
            loss: sums.loss / sums.images,
            terms: setup.term_means(&sums),
        }))
    }

    /// Writes a checkpoint.
    pub(super) fn save(
        &mut self,
        setup: &Setup<'_>,
        context: &Context<'_>,
    ) -> Result<(), DriverError> {
        self.collect(setup, context)?;
        non_finite::check_weights(&self.learner, &self.progress, context)?;
        self.progress.metrics_bytes = self.metrics.synced_length()?;
        let teacher = setup.teacher.map_or(0.0, TeacherOutputs::seconds);
        self.progress.teacher_seconds = self.teacher_seconds + teacher;
        checkpoint::save(context.folder, &self.learner, &self.optimizer, &self.progress)?;
        self.saved = Instant::now();
        Ok(())
    }
}
