//! Networks that compute in half precision answer like those that do not, and learn as they do.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::{DType, Device, FloatDType, Tensor, TensorData},
};
use distill_models::{Architecture, Network, Overrides, Signature};
use distill_testkit::{relative_l2, values};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Of each family the smallest.
const NETWORKS: [&str; 9] = [
    "vgg-small",
    "resnet20",
    "resnet8x4",
    "wrn-16-2",
    "resnet18",
    "mobilenet-v2-half",
    "shufflenet-v1",
    "shufflenet-v2",
    "mlp-800",
];
const BATCH: usize = 8;

fn network(name: &str, device: &Device) -> Network {
    let signature = Signature::images([3, 32, 32], 10);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    // Without dropout, so that all see the same units.
    let overrides = match name {
        "mlp-800" => Overrides { dropout: Some(0.0), ..Default::default() },
        _ => Overrides::default(),
    };
    Architecture::named(name, overrides)
        .and_then(|architecture| architecture.init(&signature, &mut rng, device))
        .expect("a network of the zoo")
}

fn images(device: &Device) -> Tensor<4> {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let pixels: Vec<f32> = (0..BATCH * 3 * 32 * 32)
        .map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
        .collect();
    Tensor::from_data(TensorData::new(pixels, [BATCH, 3, 32, 32]), device)
}

/// The gradient of each parameter, in the network's order, and its type.
struct Gradients<'a>(&'a GradientsParams, Vec<f64>, Vec<DType>);

impl ModuleVisitor for Gradients<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        // Running statistics have none.
        let Some(gradient) = self.0.get::<D>(param.id) else { return };
        self.2.push(gradient.dtype());
        self.1.extend(values(gradient));
    }
}

/// Logits of the frozen network.
fn logits(name: &str, precision: FloatDType) -> Vec<f64> {
    let device = Device::flex();
    let logits = network(name, &device).valid().computing_in(precision).forward(images(&device));
    assert_eq!(logits.dtype(), DType::F32, "{name}");
    values(logits)
}

/// Gradients of all weights of the learning network.
fn gradients(name: &str, precision: FloatDType) -> Vec<f64> {
    let device = Device::flex().autodiff();
    let network = network(name, &device).train().computing_in(precision);
    // Scaled, for f16 has no numbers below 6e-8.
    let loss = network.forward(images(&device)).powi_scalar(2).mean() * 1024;
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let mut all = Gradients(&gradients, Vec::new(), Vec::new());
    network.visit(&mut all);
    assert!(all.2.iter().all(|dtype| *dtype == DType::F32), "{name}");
    assert_eq!(all.1.len() as u64, network.graph().cost().parameters, "{name}");
    assert!(all.1.iter().all(|value| value.is_finite()), "{name}");
    all.1
}

const HALVES: [FloatDType; 2] = [FloatDType::BF16, FloatDType::F16];

#[test]
fn logits_are_near_those_of_single_precision() {
    for name in NETWORKS {
        let expected = logits(name, FloatDType::F32);
        // Rounding errors of 2^-9 and 2^-12 add up over the layers.
        for (precision, off) in HALVES.into_iter().zip([0.05, 0.01]) {
            let apart = relative_l2(&logits(name, precision), &expected);
            assert!(apart < off, "{name}: {precision:?}: off by {apart}");
            assert!(apart > 1e-6, "{name}: {precision:?} is not computed in");
        }
    }
}

#[test]
fn every_weight_has_a_gradient_in_single_precision_near_its_own() {
    for name in NETWORKS {
        // Where a norm sees few values, gradients jump with any rounding: there they only have to be there.
        let is_calm = ["resnet20", "resnet8x4", "wrn-16-2", "mlp-800"].contains(&name);
        let expected = is_calm.then(|| gradients(name, FloatDType::F32));
        for (precision, off) in HALVES.into_iter().zip([0.2, 0.1]) {
            let ours = gradients(name, precision);
            if let Some(expected) = &expected {
                let apart = relative_l2(&ours, expected);
                assert!(apart < off, "{name}: {precision:?}: off by {apart}");
            }
        }
    }
}
