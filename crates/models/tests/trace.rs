//! Training on the fast operations goes the way that it goes on Burn's own.

use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    tensor::{Device, Int, Tensor, TensorData, activation::log_softmax},
};
use distill_models::{Architecture, Network, Overrides, Signature};
use distill_testkit::{relative_l2, values};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

const STEPS: usize = 200;
const BATCH: usize = 32;
const CLASSES: usize = 10;

fn network(name: &str, side: usize, device: &Device) -> Network {
    let signature = Signature::images([3, side, side], CLASSES);
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    Architecture::named(name, Overrides::default())
        .and_then(|architecture| architecture.init(&signature, &mut rng, device))
        .expect("a network of the zoo")
}

/// A batch whose images carry their class: a gradient of brightness along another direction.
fn batch(seed: u64, side: usize, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let labels: Vec<i32> = (0..BATCH).map(|i| ((i + seed as usize) % CLASSES) as i32).collect();
    let mut images = Vec::with_capacity(BATCH * 3 * side * side);
    for label in &labels {
        let angle = *label as f32 / CLASSES as f32 * std::f32::consts::TAU;
        for _ in 0..3 {
            for pixel in 0..side * side {
                let (y, x) = ((pixel / side) as f32, (pixel % side) as f32);
                let along = (x * angle.cos() + y * angle.sin()) / side as f32;
                let noise = (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0;
                images.push(along + noise);
            }
        }
    }
    let images = TensorData::new(images, [BATCH, 3, side, side]);
    let labels = Tensor::from_data(TensorData::new(labels, [BATCH]), device);
    (Tensor::from_data(images, device), labels)
}

/// The loss of each step. `reversed` turns each batch round, which changes nothing but the order in which
/// numbers are summed.
fn losses(device: &Device, reversed: bool) -> Vec<f64> {
    let mut network = network("vgg-small", 32, device).train();
    let mut optimizer = AdamConfig::new().init();
    let mut losses = Vec::new();
    for step in 0..STEPS {
        let (mut images, mut labels) = batch(step as u64, 32, device);
        if reversed {
            (images, labels) = (images.flip([0]), labels.flip([0]));
        }
        let logits = network.forward(images);
        let picked = log_softmax(logits, 1).gather(1, labels.reshape([BATCH, 1]));
        let loss = -picked.mean();
        losses.push(values(loss.clone().without_autodiff())[0]);
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = optimizer.step(ModuleLearningRate::from(2.5e-4), network, gradients);
    }
    losses
}

#[test]
fn two_hundred_steps_are_those_of_burns_own_operations() {
    // Checkpointing is what the fast operations leave to Burn's own.
    let burns = Device::flex().autodiff().gradient_checkpointing();
    let fast = losses(&Device::flex().autodiff(), false);
    let slow = losses(&burns, false);
    let reordered = losses(&burns, true);
    let off = |a: &[f64], steps: usize| {
        let pairs = a.iter().zip(&slow).take(steps);
        pairs.map(|(a, b)| (a - b).abs() / b).fold(0.0, f64::max)
    };
    for steps in [1, 20, 100, STEPS] {
        println!("{steps} steps: {:e}, reordered {:e}", off(&fast, steps), off(&reordered, steps));
    }
    assert!(off(&fast, 1) < 1e-5, "the first step is off by {:e}", off(&fast, 1));
    // Adam makes a step of full size of a gradient that is rounding alone (those of biases before a
    // norm are), and training multiplies what comes of it. So much the order of sums does too.
    let explained = 5.0 * off(&reordered, STEPS);
    assert!(off(&fast, STEPS) < explained, "{:e} and {explained:e}", off(&fast, STEPS));
    let mean = |losses: &[f64]| losses[STEPS - 50..].iter().sum::<f64>() / 50.0;
    assert!(mean(&fast) < 0.5 * fast[0], "it learns: {} to {}", fast[0], mean(&fast));
    assert!((mean(&fast) / mean(&slow) - 1.0).abs() < 0.1, "{} and {}", mean(&fast), mean(&slow));
}

#[test]
fn every_family_has_the_gradients_of_burns_own_operations() {
    for (name, side) in [
        ("vgg-small", 32),
        ("vgg8", 32),
        ("resnet20", 32),
        ("resnet8x4", 32),
        ("wrn-16-2", 32),
        ("mobilenet-v2-half", 32),
        ("shufflenet-v1", 32),
        ("shufflenet-v2", 32),
        ("resnet18", 33),
        ("mlp-800", 8),
    ] {
        let gradients = |device: Device| {
            let network = network(name, side, &device).train();
            let (images, _) = batch(3, side, &device);
            let images = images.narrow(0, 0, 4).require_grad();
            let logits = network.forward(images.clone());
            let wanted = Tensor::from_data(
                TensorData::new((0..40).map(|i| (i % 7) as f32 - 3.0).collect(), [4, CLASSES]),
                &device,
            );
            let loss = (logits.clone() * wanted).sum();
            let gradients = loss.backward();
            let of_images = images.grad(&gradients).expect("the images have one");
            (values(logits), values(of_images))
        };
        let fast = gradients(Device::flex().autodiff());
        let slow = gradients(Device::flex().autodiff().gradient_checkpointing());
        let (logits, images) = (relative_l2(&fast.0, &slow.0), relative_l2(&fast.1, &slow.1));
        println!("{name}: logits {logits:e}, gradient of the images {images:e}");
        assert!(logits < 1e-3, "{name}: logits are off by {logits:e}");
        assert!(images < 2e-2, "{name}: the gradient of the images is off by {images:e}");
    }
}
