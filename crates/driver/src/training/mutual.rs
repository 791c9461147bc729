//! Networks that learn together, each from the others: deep mutual learning, Zhang et al. 2018, arXiv:1706.00384.

use burn::tensor::{Int, Tensor};
use distill_models::NetworkInput;
use distill_objective::{Average, Signals, ensemble_logits};

use super::Learner;
use crate::DriverError;

/// Networks that learn together: each has the mean of the others' outputs for the batch as its teacher.
///
/// Equation 7 of the paper: each loss has the mean of its divergences from the others. With soft targets at T = 1 that
/// differs from the divergence from their mean by what does not depend on the learner, so that the gradient is the
/// same. The paper's algorithm 1 updates one network after the other, each with new outputs of those before it; here
/// all of a step learn from the same ones.
pub(super) fn signals(
    learner: &Learner,
    input: NetworkInput,
    labels: Tensor<1, Int>,
    epoch: usize,
) -> Result<Vec<Signals>, DriverError> {
    let networks = [&learner.network].into_iter().chain(&learner.peers);
    let logits: Vec<Tensor<2>> = networks.map(|network| network.forward(input.clone())).collect();
    let share = 1.0 / learner.peers.len() as f64;
    let mut all = Vec::with_capacity(logits.len());
    for (at, own) in logits.iter().enumerate() {
        let others = logits.iter().enumerate().filter(|(other, _)| *other != at);
        let others = others.map(|(_, logits)| (logits.clone().without_autodiff(), share));
        let teacher = ensemble_logits(others, Average::Arithmetic, 1.0);
        let signals = Signals::new(own.clone(), labels.clone())?.assume_in_range().in_epoch(epoch);
        all.push(signals.with_teacher(teacher.autodiff())?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use burn::{module::Module, optim::GradientsParams, tensor::Device};
    use distill_datasets::keyed::{KeyedRng, Operation};
    use distill_models::{Architecture, Network, Overrides, Signature};
    use distill_objective::{Objective, SoftTargetsConfig, TermConfig};
    use distill_testkit::values;

    use super::*;
    use crate::training::clip::global_norm;

    fn network(seed: u64, device: &Device) -> Network {
        let overrides = Overrides { hidden: Some(vec![4]), ..Default::default() };
        let architecture = Architecture::named("mlp-800", overrides).expect("it exists");
        let signature = Signature::images([1, 2, 2], 3);
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
        let signals =
            super::signals(&learner, images.clone().into(), labels, 1).expect("they fit together");

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
        let labels = signals[0].labels("top-1").expect("it has labels");
        let again = super::signals(&learner, images.clone().into(), labels.clone(), 1)
            .expect("they fit together");
        let of_first = objective.evaluate(&again[0]).expect("it has a teacher").total;
        let gradients = GradientsParams::from_grads(of_first.backward(), &learner);
        assert!(global_norm(&gradients, &learner.peers[0]).is_none());
    }
}
