//! Loss and gradients of a batch, all at once or part by part.

use burn::{
    optim::{GradientsAccumulator, GradientsParams},
    tensor::Tensor,
};
use distill_datasets::HostBatch;

use super::{Training, pass::Draws};
use crate::{DriverError, Learner};

/// What a batch gave.
pub(super) struct Passed {
    /// `[right, loss, terms that count...]`, without a graph.
    pub(super) seen: Tensor<1>,
    /// Of everything that learns; none where no term counts in this epoch.
    pub(super) gradients: Option<GradientsParams>,
}

impl Training<'_> {
    /// Forward and backward. In parts the graph of one part is there at a time; each counts by its images, so that
    /// the sum is the gradient of the mean over the batch, where no image's loss depends on the others.
    pub(super) fn pass(
        &self,
        learner: &mut Learner,
        batch: HostBatch,
        epoch: usize,
        step: usize,
    ) -> Result<Passed, DriverError> {
        let images = batch.len() as f64;
        let mut draws = self.draws(epoch, step);
        let parts = batch.split(self.config.optimizer.accumulate).into_iter();
        let mut parts = parts.map(|part| (part.len() as f64 / images, part));
        let (share, part) = parts.next().expect("a batch has a part");
        let Passed { mut seen, mut gradients } =
            self.part(learner, part, share, epoch, &mut draws)?;
        let mut sum = GradientsAccumulator::new();
        for (share, part) in parts {
            let passed = self.part(learner, part, share, epoch, &mut draws)?;
            seen = seen + passed.seen;
            for part in gradients.take().into_iter().chain(passed.gradients) {
                sum.accumulate(learner, part);
            }
        }
        // Of one part they are as they came.
        let gradients = gradients.or_else(|| Some(sum.grads()).filter(|sum| !sum.is_empty()));
        Ok(Passed { seen, gradients })
    }

    fn part(
        &self,
        learner: &mut Learner,
        part: HostBatch,
        share: f64,
        epoch: usize,
        draws: &mut Draws,
    ) -> Result<Passed, DriverError> {
        let weighted = |value: Tensor<1>| if share < 1.0 { value * share } else { value };
        let mut all = self.signals(learner, part, epoch, draws)?;
        let peers = all.split_off(1);
        let signals = all.swap_remove(0);
        let right = signals.student_logits().without_autodiff().argmax(1).flatten::<1>(0, 1);
        let correct = right.equal(signals.labels().without_autodiff()).float().sum();
        let value = self.objective.evaluate_with(&signals, &mut learner.connectors)?;
        drop(signals);
        let mut seen = vec![correct, weighted(value.total.clone().without_autodiff())];
        let terms = value.terms.into_iter().map(|term| term.value.without_autodiff());
        seen.extend(terms.map(weighted));
        // Where no term counts in this epoch, there is nothing to follow.
        let mut total = value.total;
        for signals in &peers {
            // Each looks at the others as they are: the gradient of the sum is each one's own.
            total = total + self.objective.evaluate(signals)?.total;
        }
        let total = weighted(total);
        let gradients =
            total.is_tracked().then(|| GradientsParams::from_grads(total.backward(), &*learner));
        Ok(Passed { seen: Tensor::cat(seen, 0), gradients })
    }
}
