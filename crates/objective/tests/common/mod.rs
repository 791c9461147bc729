//! Logits, and one of each loss of logits.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::{Device, Int, Tensor};
use distill_objective::{Objective, SoftTargetsConfig, TermConfig};
use distill_testkit::{matrix, synthetic_logits};

pub(crate) const BATCH: usize = 4;
pub(crate) const CLASSES: usize = 6;

/// One of each term that compares student and teacher.
pub(crate) const COMPARING: [&str; 14] = [
    r#"{"term": "soft-targets", "temperature": 3}"#,
    r#"{"term": "logit-mse"}"#,
    r#"{"term": "decoupled", "temperature": 3}"#,
    r#"{"term": "decoupled", "non_target": 0}"#,
    r#"{"term": "dist", "temperature": 3}"#,
    r#"{"term": "reverse-kl", "temperature": 3}"#,
    r#"{"term": "jensen-shannon", "mixing": 0.3}"#,
    r#"{"term": "skewed-kl", "temperature": 3}"#,
    r#"{"term": "skewed-kl", "skew": 0.3, "reverse": true}"#,
    r#"{"term": "soft-cross-entropy", "temperature": 3}"#,
    r#"{"term": "weighted-soft-targets"}"#,
    r#"{"term": "top-k", "k": 2}"#,
    r#"{"term": "top-k", "k": 2, "remainder": "uniform"}"#,
    r#"{"term": "soft-targets", "temperature": 2, "standardise": true}"#,
];

pub(crate) fn parsed(term: &str) -> Objective {
    Objective::new(&[serde_json::from_str(term).unwrap()]).unwrap()
}

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
