//! Hints and soft targets between two networks of one's own: made of Burn's layers, with no other crate of this
//! workspace.
//!
//!     cargo run --release -p distill-objective --example own_networks

use burn::{
    module::Module,
    nn::{
        Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    optim::{AdamConfig, GradientsParams, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    tensor::{Device, Distribution, Int, Tensor, activation::relu},
};
use distill_objective::{Connectors, Objective, Signals, TermConfig, rand_core::RngCore};

#[derive(Module, Debug)]
struct Net {
    conv: Conv2d,
    head: Linear,
}

impl Net {
    fn new(channels: usize, device: &Device) -> Self {
        let conv = Conv2dConfig::new([1, channels], [3, 3])
            .with_padding(PaddingConfig2d::Same)
            .init(device);
        Self { conv, head: LinearConfig::new(channels, 2).init(device) }
    }

    /// Logits, and the features in front of the mean over the map.
    fn forward(&self, images: Tensor<4>) -> (Tensor<2>, Tensor<4>) {
        let features = relu(self.conv.forward(images));
        let means = features.clone().mean_dim(2).mean_dim(3).flatten(1, 3);
        (self.head.forward(means), features)
    }
}

/// What an optimizer steps over.
#[derive(Module, Debug)]
struct Learner {
    student: Net,
    connectors: Connectors,
}

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(1);
    let teacher = Net::new(16, &device);
    let student = Net::new(4, &device);

    let terms: [TermConfig; 3] = [
        toml::from_str("term = 'soft-targets'\ntemperature = 2")?,
        toml::from_str("term = 'hint'\nweight = { to = 10, last = 2 }")?,
        toml::from_str("term = 'attention'\ntaps = [['conv', 'conv']]")?,
    ];
    let objective = Objective::new(&terms)?;
    println!("objective: {}", objective.formula());

    let signals = |student: &Net, images: Tensor<4>, tracked: bool| {
        let labels = Tensor::<1, Int>::zeros([images.dims()[0]], &device);
        let (teacher_logits, theirs) = teacher.forward(images.clone());
        let (logits, ours) = student.forward(if tracked { images.autodiff() } else { images });
        let signals = Signals::new(logits, labels)?.with_teacher(teacher_logits)?;
        let named = |map| [("conv", map)].into_iter().collect();
        Ok::<_, Box<dyn std::error::Error>>(signals.with_features(named(ours), named(theirs)))
    };
    let batch = || Tensor::<4>::random([32, 1, 8, 8], Distribution::Default, &device);
    let connectors = objective.connect(&signals(&student, batch(), false)?, &mut Lcg(1))?;
    let mut learner = Learner { student, connectors }.train();
    let mut optimizer = AdamConfig::new().init();
    for epoch in 1..=4 {
        let mut last = String::new();
        for _ in 0..50 {
            let signals = signals(&learner.student, batch(), true)?.in_epoch(epoch);
            let value = objective.evaluate_with(&signals, &mut learner.connectors)?;
            let terms = value.terms.iter().map(|term| {
                format!("{} {:.5}", term.name, term.value.clone().into_scalar::<f32>())
            });
            last = terms.collect::<Vec<_>>().join(", ");
            let gradients = GradientsParams::from_grads(value.total.backward(), &learner);
            learner = optimizer.step(ModuleLearningRate::from(1e-2), learner, gradients);
        }
        println!("epoch {epoch}: {last}");
    }
    Ok(())
}

/// Any generator will do.
struct Lcg(u64);

impl RngCore for Lcg {
    fn next_u32(&mut self) -> u32 {
        (self.next_u64() >> 32) as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        self.0
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        bytes.iter_mut().for_each(|byte| *byte = self.next_u32() as u8);
    }
}
