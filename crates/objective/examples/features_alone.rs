//! Losses without what they do not need: features without logits, logits without labels, double precision, sequences
//! `[batch, tokens, width]`, and connector weights of one's own.
//!
//!     cargo run --release -p distill-objective --example features_alone

use burn::tensor::{DType, Device, Distribution, Tensor, TensorData};
use distill_objective::{Objective, Signals, TermConfig};

#[expect(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let device = Device::flex();
    let double = (&device, DType::F64);
    let tokens = |width: usize| Tensor::<3>::random([4, 7, width], Distribution::Default, double);

    // Features alone, in double precision.
    let signals = Signals::of_features([("encoder", tokens(8))], [("encoder", tokens(8))]);
    let terms: [TermConfig; 2] =
        [toml::from_str("term = 'similarity'")?, toml::from_str("term = 'hint'")?];
    let objective = Objective::new(&terms)?;

    // Weights of a connector by name: read, changed and put back.
    let connectors = objective.connect(&signals, 1)?;
    let weights = connectors.weights().into_iter().map(|(name, values)| match name.as_str() {
        "hint.0.conv.bias" => (name, TensorData::zeros::<f64, _>(values.shape().clone())),
        _ => (name, values),
    });
    let mut connectors = connectors.clone().with_weights(weights)?;
    println!("features: {}", objective.evaluate_with(&signals, &mut connectors)?.total);

    // Logits without labels.
    let logits = || Tensor::<2>::random([4, 10], Distribution::Default, double);
    let soft = Objective::new(&[toml::from_str("term = 'soft-targets'")?])?;
    let signals = Signals::of_logits(logits()).with_teacher(logits())?;
    println!("logits: {}", soft.evaluate(&signals)?.total);
    Ok(())
}
