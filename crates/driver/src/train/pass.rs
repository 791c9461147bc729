//! From a batch to what a loss looks at.

use burn::tensor::{Int, Tensor, TensorData};
use distill_datasets::{
    HostBatch,
    keyed::{KeyedRng, Operation},
};
use distill_models::Tap;
use distill_objective::{Average, Contrast, Features, Signals, ensemble_logits};
use rand_core::RngCore;

use super::Training;
use crate::{Answers, DriverError, Learner};

impl Training<'_> {
    /// What the losses of a step look at, the student's answers with a gradient: those of the network, then those
    /// of each peer.
    pub(super) fn signals(
        &self,
        learner: &Learner,
        batch: HostBatch,
        epoch: usize,
        step: usize,
    ) -> Result<Vec<Signals>, DriverError> {
        let network = &learner.network;
        let key = |operation| KeyedRng::new(self.seed, epoch as u64, step as u64, operation);
        self.device.seed(key(Operation::Step).next_u64());
        let contrast = self.contrast(&batch, &mut key(Operation::Negatives));
        let with_taps = self.objective.needs_features();
        let (view, samples) = (batch.view, batch.samples.clone());
        let batch = batch.to_device(self.device);
        let ask = |teacher: &Answers| teacher.to(view, &samples, &batch.images, with_taps);
        let teacher = self.teacher.map(ask).transpose()?;
        let images = self.view.apply(batch.images).autodiff();
        if !learner.peers.is_empty() {
            return mutual(learner, images, batch.labels.autodiff(), epoch);
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

/// Networks that learn together: each has the mean of what the others say of the batch as its teacher.
///
/// Deep mutual learning, Zhang et al. 2018, arXiv:1706.00384, equation 7: each loss has the mean of its divergences
/// from the others. With soft targets at T = 1 that differs from the divergence from their mean by what does not
/// depend on the learner, so that the gradient is the same. The paper's algorithm 1 updates one network after the
/// other, each with new answers of those before it; here all of a step learn from the same ones.
fn mutual(
    learner: &Learner,
    images: Tensor<4>,
    labels: Tensor<1, Int>,
    epoch: usize,
) -> Result<Vec<Signals>, DriverError> {
    let networks = [&learner.network].into_iter().chain(&learner.peers);
    let logits: Vec<Tensor<2>> = networks.map(|network| network.forward(images.clone())).collect();
    let share = 1.0 / learner.peers.len() as f64;
    let of_one = |(at, own): (usize, &Tensor<2>)| {
        let others = logits.iter().enumerate().filter(|(other, _)| *other != at);
        let others = others.map(|(_, logits)| (logits.clone().without_autodiff(), share));
        let teacher = ensemble_logits(others, Average::Arithmetic, 1.0);
        let signals = Signals::new(own.clone(), labels.clone())?.in_epoch(epoch);
        Ok(signals.with_teacher(teacher.autodiff())?)
    };
    logits.iter().enumerate().map(of_one).collect()
}

/// Taps by name.
pub(crate) fn features(taps: Vec<Tap>, change: impl Fn(Tensor<4>) -> Tensor<4>) -> Features {
    taps.into_iter().map(|tap| (tap.name, change(tap.features))).collect()
}

#[cfg(test)]
mod tests {
    use burn::{module::Module, optim::GradientsParams, tensor::Device};
    use distill_datasets::keyed::{KeyedRng, Operation};
    use distill_models::{Architecture, Network, Overrides, Signature};
    use distill_objective::{Objective, SoftTargetsConfig, TermConfig};
    use distill_testkit::values;

    use super::*;
    use crate::clip::global_norm;

    fn network(seed: u64, device: &Device) -> Network {
        let overrides = Overrides { hidden: Some(vec![4]), ..Default::default() };
        let architecture = Architecture::named("mlp-800", overrides).expect("it exists");
        let signature = Signature { channels: 1, height: 2, width: 2, classes: 3 };
        let mut rng = KeyedRng::new(seed, 0, 0, Operation::Weights);
        architecture.init(&signature, &mut rng, device).expect("it fits").train()
    }

    #[test]
    fn each_learns_from_the_mean_of_the_others_and_teaches_without_a_gradient() {
        let device = Device::flex();
        let [a, b, c] = [1, 2, 3].map(|seed| network(seed, &device));
        let learner = Learner::with_peers(a, vec![b, c]);
        let images = Tensor::<4>::from_data([[[[0.1_f32, 0.9], [0.4, 0.2]]]], &device).autodiff();
        let labels = Tensor::<1, Int>::from_data([2], &device).autodiff();
        let signals = mutual(&learner, images.clone(), labels, 1).expect("they fit together");

        // The first one's loss has the gradient of the mean of its divergences from the two others.
        let soft = SoftTargetsConfig { temperature: 1.0.into(), ..Default::default() };
        let objective = Objective::new(&[TermConfig::SoftTargets(soft)]).expect("it is valid");
        let of_mean = objective.evaluate(&signals[0]).expect("it has a teacher").total;
        let gradients = GradientsParams::from_grads(of_mean.backward(), &learner.network);
        let norm = |gradients: &GradientsParams| {
            values(global_norm(gradients, &learner.network).expect("it learns"))[0]
        };
        let of_mean = norm(&gradients);
        let divergence = |peer: &Network| {
            let own = learner.network.forward(images.clone());
            let teacher = peer.forward(images.clone()).without_autodiff().autodiff();
            distill_objective::soft_target_kl(own, teacher, 1.0)
        };
        let sum = divergence(&learner.peers[0]) + divergence(&learner.peers[1]);
        let gradients = GradientsParams::from_grads((sum / 2.0).backward(), &learner.network);
        let expected = norm(&gradients);
        assert!((of_mean - expected).abs() < 1e-5 * expected, "{of_mean} {expected}");

        // And none reaches those that it learns from.
        let labels = signals[0].labels();
        let again = mutual(&learner, images.clone(), labels.clone(), 1).expect("they fit together");
        let of_first = objective.evaluate(&again[0]).expect("it has a teacher").total;
        let gradients = GradientsParams::from_grads(of_first.backward(), &learner);
        assert!(global_norm(&gradients, &learner.peers[0]).is_none());
    }
}
