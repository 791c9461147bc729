//! A network of the zoo in a training loop of one's own: it learns to tell bright images from dark
//! ones, with no other crate of this workspace.
//!
//!     cargo run --release -p distill-models --example own_training

use burn::module::Module;
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor, activation::log_softmax};
use distill_models::{Architecture, Overrides, Signature};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), distill_models::ModelError> {
    let device = Device::flex();
    device.seed(1);
    let signature = Signature::images([1, 8, 8], 2);
    let overrides = Overrides { blocks: Some(vec![vec![8], vec![16]]), ..Default::default() };
    let architecture = Architecture::named("vgg-small", overrides)?;
    println!("{:?}", architecture.cost(&signature)?);

    let mut rng = ChaCha8Rng::seed_from_u64(42);
    let mut network = architecture.init(&signature, &mut rng, &device)?.train();
    let mut optimizer = AdamConfig::new().init();
    for step in 0..=60 {
        let noise = Tensor::<4>::random([32, 1, 8, 8], Distribution::Normal(0.0, 1.0), &device);
        let labels = Tensor::<1, Int>::arange(0..32, &device) % 2;
        let images = noise + labels.clone().float().reshape([32, 1, 1, 1]);
        let logits = network.forward(images.autodiff());
        let log_p = log_softmax(logits, 1).gather(1, labels.autodiff().unsqueeze_dim(1));
        let loss = -log_p.mean();
        if step % 20 == 0 {
            println!("step {step}: {:.4} nats", loss.clone().into_scalar::<f32>());
        }
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        network = optimizer.step(ModuleLearningRate::from(1e-2), network, gradients);
    }
    Ok(())
}
