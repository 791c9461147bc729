//! From a batch to what a loss looks at.

use burn::tensor::{Tensor, TensorData};
use distill_datasets::{
    HostBatch,
    keyed::{KeyedRng, Operation},
};
use distill_models::{Parted, Tap};
use distill_objective::{Contrast, Features, Signals};
use rand_core::RngCore;

use super::{Training, peers};
use crate::{Answers, DriverError, Learner};

/// What the losses of a batch, or of a part of it, look at, and what it takes to go back.
pub(super) struct Answered {
    /// Of the network, then of each peer.
    pub(super) signals: Vec<Signals>,
    /// With gradient checkpointing, and the seed of the network's random numbers.
    pub(super) parted: Option<(Parted, u64)>,
}

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

    /// The teacher's and the student's answers to a batch, or to a part of it, the student's with a gradient.
    pub(super) fn answered(
        &self,
        learner: &Learner,
        batch: HostBatch,
        epoch: usize,
        draws: &mut Draws,
    ) -> Result<Answered, DriverError> {
        let network = &learner.network;
        let seed = draws.device.next_u64();
        self.device.seed(seed);
        let contrast = self.contrast(&batch, &mut draws.negatives);
        let with_taps = self.objective.needs_features();
        let (view, samples) = (batch.view, batch.samples.clone());
        let batch = batch.to_device(self.device);
        let ask = |teacher: &Answers| teacher.to(view, &samples, &batch.images, with_taps);
        let teacher = self.teacher.map(ask).transpose()?;
        let images = self.view.apply(batch.images).autodiff();
        if !learner.peers.is_empty() {
            let signals = peers::mutual(learner, images, batch.labels.autodiff(), epoch)?;
            return Ok(Answered { signals, parted: None });
        }
        let mut parted = None;
        let (logits, taps) = match (self.config.optimizer.gradient_checkpoints, with_taps) {
            (0, true) => network.forward_with_taps(images),
            (0, false) => (network.forward(images), Vec::new()),
            (kept, with_taps) => {
                let begin = |part| self.begin(seed, part);
                let (parted, _) = parted
                    .insert((network.forward_parted(images, kept + 1, with_taps, &begin), seed));
                (parted.logits.clone(), parted.taps.clone())
            }
        };
        let mut signals = Signals::new(logits, batch.labels.autodiff())?.in_epoch(epoch);
        if let Some((logits, theirs)) = teacher {
            let theirs = features(theirs, Tensor::autodiff);
            signals = signals
                .with_teacher(logits.autodiff())?
                .with_features(features(taps, |map| map), theirs);
        }
        let signals = match contrast {
            Some(contrast) => signals.with_contrast(contrast),
            None => signals,
        };
        Ok(Answered { signals: vec![signals], parted })
    }

    /// Seeds what a part of the network draws, the same each time that it is gone through.
    pub(super) fn begin(&self, seed: u64, part: usize) {
        self.device.seed(seed.wrapping_add(part as u64));
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
