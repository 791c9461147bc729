//! From a batch to what a loss looks at.

use burn::tensor::{Tensor, TensorData};
use distill_datasets::{
    HostBatch,
    keyed::{KeyedRng, Operation},
};
use distill_models::Tap;
use distill_objective::{Contrast, Features, Signals};
use rand_core::RngCore;

use super::{Training, peers};
use crate::{Answers, DriverError, Learner};

/// Where a step's random numbers come from.
pub(super) struct Draws {
    device: KeyedRng,
    negatives: KeyedRng,
}

impl Training<'_> {
    pub(super) fn draws(&self, epoch: usize, step: usize) -> Draws {
        let key = |operation| KeyedRng::new(self.seed, epoch as u64, step as u64, operation);
        Draws { device: key(Operation::Step), negatives: key(Operation::Negatives) }
    }

    /// What the losses of a batch, or of a part of it, look at, the student's answers with a gradient: those of the
    /// network, then those of each peer.
    pub(super) fn signals(
        &self,
        learner: &Learner,
        batch: HostBatch,
        epoch: usize,
        draws: &mut Draws,
    ) -> Result<Vec<Signals>, DriverError> {
        let network = &learner.network;
        self.device.seed(draws.device.next_u64());
        let contrast = self.contrast(&batch, &mut draws.negatives);
        let with_taps = self.objective.needs_features();
        let (view, samples) = (batch.view, batch.samples.clone());
        let batch = batch.to_device(self.device);
        let ask = |teacher: &Answers| teacher.to(view, &samples, &batch.images, with_taps);
        let teacher = self.teacher.map(ask).transpose()?;
        let images = self.view.apply(batch.images).autodiff();
        if !learner.peers.is_empty() {
            return peers::mutual(learner, images, batch.labels.autodiff(), epoch);
        }
        let (logits, taps) = match with_taps {
            true => network.forward_with_taps(images),
            false => (network.forward(images), Vec::new()),
        };
        let mut signals = Signals::new(logits, batch.labels.autodiff())?.in_epoch(epoch);
        if let Some((logits, theirs)) = teacher {
            let theirs = features(theirs, Tensor::autodiff);
            signals = signals
                .with_teacher(logits.autodiff())?
                .with_features(features(taps, |map| map), theirs);
        }
        Ok(vec![match contrast {
            Some(contrast) => signals.with_contrast(contrast),
            None => signals,
        }])
    }

    fn contrast(&self, batch: &HostBatch, rng: &mut KeyedRng) -> Option<Contrast> {
        let count = self.objective.negatives()?;
        let negatives = self.negatives?;
        let device = &self.device.clone().autodiff();
        let drawn = negatives.draw(&batch.labels, count, rng);
        let samples: Vec<i32> = batch.samples.iter().map(|index| *index as i32).collect();
        Some(Contrast {
            samples: negatives.samples(),
            positives: Tensor::from_data(samples.as_slice(), device),
            negatives: Tensor::from_data(TensorData::new(drawn, [batch.len(), count]), device),
        })
    }
}

/// Taps by name.
pub(crate) fn features(taps: Vec<Tap>, change: impl Fn(Tensor<4>) -> Tensor<4>) -> Features {
    taps.into_iter().map(|tap| (tap.name, change(tap.features))).collect()
}
