//! The objective in a training loop of one's own: two linear layers, no other crate of this
//! workspace.
//!
//!     cargo run --release -p distill-objective --example own_loop

use burn::module::Module;
use burn::nn::{Linear, LinearConfig};
use burn::optim::lr_scheduler::module_lr_scheduler::ModuleLearningRate;
use burn::optim::{GradientsParams, SgdConfig};
use burn::tensor::{Device, Distribution, Int, Tensor};
use distill_objective::{Objective, Signals, SoftTargetsConfig, TermConfig};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    device.seed(1);
    let training = device.clone().autodiff();
    let teacher: Linear = LinearConfig::new(8, 3).init(&device);
    let mut student: Linear = LinearConfig::new(8, 3).init(&training);
    let mut optimizer = SgdConfig::new().init();

    let soft =
        SoftTargetsConfig { temperature: 2.0.into(), weight: 1.0.into(), ..Default::default() };
    let objective = Objective::new(&[TermConfig::SoftTargets(soft)])?;
    println!("objective: {}", objective.formula());

    for step in 0..200 {
        let images = Tensor::<2>::random([64, 8], Distribution::Default, &device);
        let labels = Tensor::<1, Int>::zeros([64], &training);
        let teacher_logits = teacher.valid().forward(images.clone());
        let student_logits = student.forward(images.autodiff());
        let signals = Signals::new(student_logits, labels)?.with_teacher(teacher_logits)?;
        let value = objective.evaluate(&signals)?;
        if step % 50 == 0 {
            println!("step {step}: {:.6} nats", value.total.clone().into_scalar::<f32>());
        }
        let gradients = GradientsParams::from_grads(value.total.backward(), &student);
        student = optimizer.step(ModuleLearningRate::from(0.5), student, gradients);
    }
    Ok(())
}
