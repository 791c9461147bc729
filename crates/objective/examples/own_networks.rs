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
    tensor::{Device, Distribution, Tensor, activation::relu},
};
use distill_objective::{Connectors, Objective, Signals, TermConfig};

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
        let (teacher_logits, theirs) = teacher.forward(images.clone());
        let (logits, ours) = student.forward(if tracked { images.autodiff() } else { images });
        let signals = Signals::of_logits(logits).with_teacher(teacher_logits)?;
        let signals = signals.with_features([("conv", ours)].into(), [("conv", theirs)].into());
        Ok::<_, Box<dyn std::error::Error>>(signals)
    };
    let batch = || Tensor::<4>::random([32, 1, 8, 8], Distribution::Default, &device);
    let connectors = objective.connect(&signals(&student, batch(), false)?, 1)?;
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
