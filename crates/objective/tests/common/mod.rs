//! Logits, and one of each loss of logits.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod terms;

use burn::tensor::{Device, Int, Tensor};
use distill_objective::{Objective, SoftTargetsConfig, TermConfig};
use distill_testkit::{matrix, synthetic_logits};

pub(crate) use terms::{COMPARING, parsed};

pub(crate) const BATCH: usize = 4;
pub(crate) const CLASSES: usize = 6;

pub(crate) fn logits(device: &Device) -> (Tensor<2>, Tensor<2>) {
    let make = |variant| matrix(&synthetic_logits(BATCH, CLASSES, variant), device);
    (make(1), make(0x5555_5555))
}

pub(crate) fn labels(device: &Device) -> Tensor<1, Int> {
    Tensor::from_data([0, 5, 2, 3], device)
}

pub(crate) fn soft(temperature: f64) -> Objective {
    let config = SoftTargetsConfig {
        temperature: temperature.into(),
        weight: 1.0.into(),
        ..Default::default()
    };
    Objective::new(&[TermConfig::SoftTargets(config)]).unwrap()
}
