//! The forward pass: from a batch to the signals that an objective compares.

use burn::tensor::{Device, Tensor, TensorData};
use distill_datasets::{
    DataError, HostBatch,
    keyed::{KeyedRng, Operation},
};
use distill_models::Checkpointed;
use distill_objective::{Contrast, Signals};
use rand_core::RngCore;

use super::{Learner, learner::features, mutual, setup::Setup};
use crate::{DriverError, evaluation::check_classes};

/// Output of a forward pass, and what it takes to go back.
pub(super) struct ForwardOutput {
    /// Signals of the network, then of each peer.
    pub(super) signals: Vec<Signals>,
    /// With gradient checkpointing, and the seed of the network's random numbers.
    pub(super) checkpointed: Option<(Checkpointed, u64)>,
}

/// Random numbers of a step.
pub(super) struct Draws {
    device: KeyedRng,
    negatives: KeyedRng,
}

/// Forward passes of a training, on its device.
#[derive(Clone, Copy)]
pub(super) struct Forward<'a> {
    pub(super) setup: &'a Setup<'a>,
    pub(super) seed: u64,
    pub(super) device: &'a Device,
}

impl Forward<'_> {
    /// Random numbers of a step (from 0) of an epoch.
    pub(super) fn draws(&self, epoch: usize, step: usize) -> Draws {
        let key = |operation| KeyedRng::new(self.seed, epoch as u64, step as u64, operation);
        Draws { device: key(Operation::Step), negatives: key(Operation::Negatives) }
    }

    /// Outputs of teacher and student for a batch or a micro-batch, the student's with a gradient.
    pub(super) fn run(
        &self,
        learner: &Learner,
        batch: HostBatch,
        epoch: usize,
        draws: &mut Draws,
    ) -> Result<ForwardOutput, DriverError> {
        let (setup, network) = (self.setup, &learner.network);
        let seed = draws.device.next_u64();
        self.device.seed(seed);
        let classes = network.graph().signature().output.width();
        check_classes(batch.classes()?, classes)?;
        let contrast = self.contrast(&batch, &mut draws.negatives)?;
        let with_features = setup.objective.needs_features();
        let (view, samples) = (batch.view, batch.samples.clone());
        let batch = batch.to_device(self.device)?;
        let teacher = match setup.teacher {
            Some(teacher) => Some(teacher.of(view, &samples, &batch.input, with_features)?),
            None => None,
        };
        let input = setup.data.preprocessing.apply(batch.input)?.autodiff();
        if !learner.peers.is_empty() {
            let signals = mutual::signals(learner, input, batch.labels.autodiff(), epoch)?;
            return Ok(ForwardOutput { signals, checkpointed: None });
        }
        let mut checkpointed = None;
        let (logits, ours) = match (setup.config.optimizer.gradient_checkpoints, with_features) {
            (0, true) => network.forward_with_features(input),
            (0, false) => (network.forward(input), Vec::new()),
            (kept, with_features) => {
                let output =
                    network.forward_checkpointed(input, kept + 1, with_features, &|segment| {
                        self.begin(seed, segment);
                    });
                let (output, _) = checkpointed.insert((output, seed));
                (output.output.clone(), output.features.clone())
            }
        };
        let mut signals =
            Signals::new(logits, batch.labels.autodiff())?.assume_in_range().in_epoch(epoch);
        if let Some((logits, theirs)) = teacher {
            let theirs = features(theirs, Tensor::autodiff);
            signals = signals
                .with_teacher(logits.autodiff())?
                .with_features(features(ours, |map| map), theirs);
        }
        if let Some(contrast) = contrast {
            signals = signals.with_contrast(contrast);
        }
        Ok(ForwardOutput { signals: vec![signals], checkpointed })
    }

    /// Seeds a segment of the network, the same each time that it is computed.
    pub(super) fn begin(&self, seed: u64, segment: usize) {
        self.device.seed(seed.wrapping_add(segment as u64));
    }

    fn contrast(
        &self,
        batch: &HostBatch,
        rng: &mut KeyedRng,
    ) -> Result<Option<Contrast>, DriverError> {
        let asked = self.setup.objective.negatives().zip(self.setup.data.negatives);
        let Some((count, negatives)) = asked else { return Ok(None) };
        let device = &self.device.clone().autodiff();
        let drawn = negatives.draw(batch.classes()?, count, || rng.next_u32());
        let places = negatives.samples();
        if let Some(id) = batch.samples.iter().find(|id| **id >= places as u64) {
            return Err(DriverError::Data(DataError::Batch {
                place: "an objective with a memory bank".to_owned(),
                problem: format!("sample {id}"),
                expected: format!("ids below the {places} samples of the training set"),
            }));
        }
        let samples: Vec<i32> = batch.samples.iter().map(|id| *id as i32).collect();
        Ok(Some(Contrast {
            samples: places,
            positives: Tensor::from_data(samples.as_slice(), device),
            negatives: Tensor::from_data(TensorData::new(drawn, [batch.len(), count]), device),
        }))
    }
}
