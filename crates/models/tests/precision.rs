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
    let signature = Signature { channels: 3, height: 32, width: 32, classes: 10 };
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
    let mut noise = || (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
    let pixels: Vec<f32> = (0..BATCH * 3 * 32 * 32).map(|_| noise()).collect();
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

/// Logits of the frozen network, and gradients of the mean square of what the learning one says.
fn answers(name: &str, precision: FloatDType) -> (Vec<f64>, Vec<f64>) {
    let device = Device::flex().autodiff();
    let network = network(name, &device).computing_in(precision);
    let logits = network.valid().forward(images(&Device::flex()));
    assert_eq!(logits.dtype(), DType::F32, "{name}");
    let learning = network.train();
    let loss = learning.forward(images(&device)).powi_scalar(2).mean();
    let gradients = GradientsParams::from_grads(loss.backward(), &learning);
    let mut all = Gradients(&gradients, Vec::new(), Vec::new());
    learning.visit(&mut all);
    assert!(all.2.iter().all(|dtype| *dtype == DType::F32), "{name}: gradients are whole");
    (values(logits), all.1)
}

#[test]
fn half_precision_is_near_single_precision() {
    for name in NETWORKS {
        let (logits, gradients) = answers(name, FloatDType::F32);
        // Rounding errors of 2^-9 and 2^-12 add up over the layers; in gradients ReLUs flip beside that.
        for (precision, off, off_gradients) in
            [(FloatDType::BF16, 0.05, 0.5), (FloatDType::F16, 0.01, 0.2)]
        {
            let (ours, our_gradients) = answers(name, precision);
            let of_logits = relative_l2(&ours, &logits);
            assert!(of_logits < off, "{name}: logits off by {of_logits}");
            assert!(of_logits > 1e-6, "{name}: {precision:?} is not computed in");
            let of_gradients = relative_l2(&our_gradients, &gradients);
            assert!(of_gradients < off_gradients, "{name}: gradients off by {of_gradients}");
            println!("{name} {precision:?}: logits {of_logits:.1e}, gradients {of_gradients:.1e}");
        }
    }
}
