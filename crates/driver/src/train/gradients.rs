//! Loss and gradients of a batch, all at once or part by part.

use burn::{
    optim::{GradientsAccumulator, GradientsParams},
    tensor::Tensor,
};
use distill_datasets::HostBatch;
use distill_models::Parted;

use super::{
    Training,
    pass::{Answered, Draws},
};
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
    /// the sum is the gradient of the mean over the batch, where no image's loss depends on the others. Gradients are
    /// those of the loss times `loss_scale`.
    pub(super) fn pass(
        &self,
        learner: &mut Learner,
        batch: HostBatch,
        epoch: usize,
        step: usize,
        loss_scale: f64,
    ) -> Result<Passed, DriverError> {
        let images = batch.len() as f64;
        let mut draws = self.draws(epoch, step);
        let parts = batch.split(self.config.optimizer.accumulate).into_iter();
        let mut parts = parts.map(|part| (part.len() as f64 / images, part));
        let (share, part) = parts.next().expect("a batch has a part");
        let Passed { mut seen, mut gradients } =
            self.part(learner, part, [share, loss_scale], epoch, &mut draws)?;
        let mut sum = GradientsAccumulator::new();
        for (share, part) in parts {
            let passed = self.part(learner, part, [share, loss_scale], epoch, &mut draws)?;
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
        [share, loss_scale]: [f64; 2],
        epoch: usize,
        draws: &mut Draws,
    ) -> Result<Passed, DriverError> {
        let times =
            |value: Tensor<1>, factor: f64| if factor == 1.0 { value } else { value * factor };
        let weighted = |value| times(value, share);
        let Answered { signals: mut all, parted } = self.answered(learner, part, epoch, draws)?;
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
        let total = times(total, share * loss_scale);
        let gradients = self.gradients(total, parted, learner);
        Ok(Passed { seen: Tensor::cat(seen, 0), gradients })
    }

    /// The way back from a loss: gradients of everything that learns, none where nothing does.
    pub(super) fn gradients(
        &self,
        loss: Tensor<1>,
        parted: Option<(Parted, u64)>,
        learner: &Learner,
    ) -> Option<GradientsParams> {
        let mut of_loss = loss.is_tracked().then(|| loss.backward())?;
        let own = GradientsParams::from_module(&mut of_loss, learner);
        let Some((parted, seed)) = parted else { return Some(own) };
        let begin = |part| self.begin(seed, part);
        let of_network = parted.gradients(&learner.network, &of_loss, &begin);
        let mut all = GradientsAccumulator::new();
        all.accumulate(learner, own);
        all.accumulate(learner, of_network);
        Some(all.grads())
    }
}
