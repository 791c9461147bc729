//! Learning with less memory: of the values that the backward pass looks at, those at a few places are kept and those
//! between them computed a second time. Gradient checkpointing, Chen et al. 2016, arXiv:1604.06174.
//!
//! Burn's own gradient checkpointing computes again what costs nothing but reading and writing, such as a ReLU, and
//! keeps what a norm gives; in a chain of convolutions, norms and ReLUs that saves nothing.

use std::ops::Range;

use burn::{
    module::Module,
    optim::{GradientsAccumulator, GradientsParams},
    tensor::{Gradients, Tensor},
};
use distill_kernels::FeatureMaps;

use crate::{Feature, Network, NetworkInput, network::rows};

/// What a learning network says of a batch, with the few values that it takes to go back.
#[derive(Debug)]
pub struct Checkpointed {
    /// `[rows, width]`, with a gradient and no graph behind it.
    pub output: Tensor<2>,
    /// The selected features, each with a gradient and no graph behind it.
    pub features: Vec<Feature>,
    parts: Vec<Part>,
}

/// Steps that are gone through a second time.
#[derive(Debug)]
struct Part {
    steps: Range<usize>,
    /// What they begin with, without a graph.
    input: FeatureMaps,
    /// Which of the features are theirs.
    features: Range<usize>,
}

impl Network {
    /// [`forward`](Self::forward), with features where they are asked for, in about so many parts, of which each keeps
    /// its input alone. `begin` is called before each part, with its number, then and on the way back: it seeds the
    /// device's random numbers. Running statistics move once.
    ///
    /// # Shapes
    /// - `input`: as that of [`forward`](Self::forward), on an autodiff device
    ///
    /// # Panics
    /// Where `parts` is zero.
    pub fn forward_checkpointed(
        &self,
        input: impl Into<NetworkInput>,
        parts: usize,
        with_features: bool,
        begin: &dyn Fn(usize),
    ) -> Checkpointed {
        assert!(parts > 0, "a network has a part");
        let nodes = self.graph().nodes.len();
        let cuts = self.cuts(parts, with_features);
        let starts = [1].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([nodes]);
        // Nothing is kept for the way back.
        let network = self.clone().no_grad();
        let mut value = self.begin(input.into());
        let (mut all, mut features) = (Vec::new(), Vec::new());
        for (number, steps) in starts.zip(ends).map(|(start, end)| start..end).enumerate() {
            begin(number);
            let input = value.clone().map(Tensor::without_autodiff);
            let before = features.len();
            let mut seen = with_features.then_some(&mut features);
            value = network.walk(value, steps.clone(), &mut seen);
            all.push(Part { steps, input, features: before..features.len() });
        }
        for feature in &mut features {
            feature.values = feature.values.clone().detach().require_grad();
        }
        Checkpointed { output: rows(value).detach().require_grad(), features, parts: all }
    }
}

impl Checkpointed {
    /// Gradients of everything in `network` that learns, from those of a loss of its answers: without taps the bits of
    /// one pass, with them up to the order in which parts of a gradient are added.
    pub fn gradients(
        self,
        network: &Network,
        of_loss: &Gradients,
        begin: &dyn Fn(usize),
    ) -> GradientsParams {
        // Its running statistics are its own, and let go.
        let again = network.valid().train();
        let mut all = GradientsAccumulator::new();
        let mut of_value: Option<Tensor<4>> = None;
        let last = self.parts.len() - 1;
        for (number, part) in self.parts.into_iter().enumerate().rev() {
            begin(number);
            let input = part.input.into_tensor().autodiff();
            // Nobody asks for the gradient of an image.
            let input = if number > 0 { input.require_grad() } else { input };
            let mut features = Vec::new();
            let mut seen = Some(&mut features).filter(|_| !self.features.is_empty());
            let value = again.walk(FeatureMaps::new(input.clone()), part.steps, &mut seen);
            let mut ends = Vec::new();
            if number == last {
                if let Some(gradient) = self.output.grad(of_loss) {
                    ends.push(with_gradient(rows(value), gradient));
                }
            } else if let Some(gradient) = of_value.take() {
                ends.push(with_gradient(value.into_tensor(), gradient));
            }
            let kept = &self.features[part.features];
            for (again, kept) in features.into_iter().zip(kept) {
                if let Some(gradient) = kept.values.grad(of_loss) {
                    ends.push(with_gradient(again.values, gradient));
                }
            }
            let Some(sum) = ends.into_iter().reduce(|all, one| all + one) else { continue };
            let gradients = sum.backward();
            of_value = input.grad(&gradients);
            all.accumulate(&again, GradientsParams::from_grads(gradients, &again));
        }
        all.grads()
    }
}

/// A number whose gradient with respect to `end` is the given one.
fn with_gradient<const D: usize>(end: Tensor<D>, gradient: Tensor<D>) -> Tensor<1> {
    (end * gradient.autodiff()).sum()
}

#[cfg(test)]
mod tests {
    use burn::{
        module::{ModuleVisitor, Param},
        tensor::{Device, TensorData},
    };
    use distill_testkit::{relative_l2, values};
    use rand_chacha::{
        ChaCha8Rng,
        rand_core::{RngCore, SeedableRng},
    };

    use super::*;
    use crate::{Architecture, Overrides, Signature};

    /// Draws of the device's one generator, which tests that compare them take in turn.
    static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());
    const SIDE: usize = 32;
    const BATCH: usize = 4;

    fn network(name: &str, overrides: Overrides) -> Network {
        let signature = Signature::images([3, SIDE, SIDE], 10);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        Architecture::named(name, overrides)
            .and_then(|it| it.init(&signature, &mut rng, &Device::flex()))
            .expect("a network of the zoo")
            .train()
    }

    fn images() -> Tensor<4> {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        let pixels: Vec<f32> = (0..BATCH * 3 * SIDE * SIDE)
            .map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
            .collect();
        let pixels = TensorData::new(pixels, [BATCH, 3, SIDE, SIDE]);
        Tensor::<4>::from_data(pixels, &Device::flex()).autodiff()
    }

    /// The gradient of each parameter, and running statistics.
    fn numbers(network: &Network, gradients: &GradientsParams) -> Vec<f64> {
        struct All<'a>(&'a GradientsParams, Vec<f64>);
        impl ModuleVisitor for All<'_> {
            fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
                // Running statistics have none.
                let gradient = self.0.get::<D>(param.id);
                self.1.extend(values(gradient.unwrap_or_else(|| param.val().without_autodiff())));
            }
        }
        let mut all = All(gradients, Vec::new());
        // What a pass left of running statistics is taken in when a network is evaluated.
        network.valid().visit(&mut all);
        all.1
    }

    /// Of the logits and of every tap.
    fn loss(logits: &Tensor<2>, taps: &[Feature]) -> Tensor<1> {
        let of_taps = taps.iter().map(|tap| tap.values.clone().powi_scalar(2).mean());
        of_taps.fold(logits.clone().powi_scalar(2).mean(), |all, one| all + one)
    }

    #[test]
    fn gradients_and_running_statistics_are_those_of_one_pass() {
        let names = [
            "vgg-small",
            "resnet20",
            "wrn-16-2",
            "mobilenet-v2-half",
            "shufflenet-v1",
            "shufflenet-v2",
            "resnet18",
        ];
        for (name, with_features) in
            names.into_iter().flat_map(|name| [(name, false), (name, true)])
        {
            let whole = network(name, Overrides::default());
            let (logits, taps) = match with_features {
                true => whole.forward_with_features(images()),
                false => (whole.forward(images()), Vec::new()),
            };
            let of_loss = loss(&logits, &taps).backward();
            let expected = numbers(&whole, &GradientsParams::from_grads(of_loss, &whole));

            let parted = network(name, Overrides::default());
            let seen = parted.forward_checkpointed(images(), 4, with_features, &|_| {});
            assert!(seen.parts.len() > 1, "{name}");
            assert_eq!(values(seen.output.clone()), values(logits), "{name}");
            assert_eq!(seen.features.len(), taps.len(), "{name}");
            let of_loss = loss(&seen.output, &seen.features).backward();
            let gradients = seen.gradients(&parted, &of_loss, &|_| {});
            let off = relative_l2(&numbers(&parted, &gradients), &expected);
            // The gradient of a tap that two steps read has three parts, which one pass adds up in another order.
            let allowed = if with_features { 1e-6 } else { 0.0 };
            assert!(off <= allowed, "{name}, taps: {with_features}: off by {off:e}");
        }
    }

    #[test]
    fn what_is_dropped_is_dropped_on_the_way_back_too() {
        let _turn = TURN.lock();
        let overrides = Overrides {
            blocks: Some(vec![vec![8], vec![8], vec![8]]),
            dropout: Some(0.5),
            ..Default::default()
        };
        let begin = |part: usize| Device::flex().seed(7 + part as u64);
        // One part draws what a plain pass does.
        let network = network("vgg-small", overrides);
        begin(0);
        let logits = network.forward(images());
        let expected = GradientsParams::from_grads(loss(&logits, &[]).backward(), &network);
        let one = network.forward_checkpointed(images(), 1, false, &begin);
        let of_loss = loss(&one.output, &[]).backward();
        let ours = one.gradients(&network, &of_loss, &begin);
        assert_eq!(numbers(&network, &ours), numbers(&network, &expected));

        // Two parts keep what each of them drew: the logits of a second pass are those of the first.
        let first = network.forward_checkpointed(images(), 2, false, &begin);
        let again = network.forward_checkpointed(images(), 2, false, &begin);
        assert_eq!(first.parts.len(), 2);
        assert_eq!(values(first.output), values(again.output));
    }
}
