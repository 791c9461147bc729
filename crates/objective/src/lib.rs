#![doc = include_str!("../README.md")]

mod config;
mod cross_entropy;
mod error;
mod formula;
mod objective;
mod signals;
mod soft_targets;
mod softened;

pub use config::TermConfig;
pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use error::{ConfigError, SignalError};
pub use objective::{Evaluation, Objective, Term, TermValue};
pub use signals::Signals;
pub use soft_targets::{SoftTargets, SoftTargetsConfig};
pub use softened::{log_softmax_at, soft_target_kl};

/// One line of the table that `distill list objectives` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// Loss as a formula, in nats, mean over the batch.
    pub formula: &'static str,
    /// What it needs beside the student's logits.
    pub needs: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// Every term this crate offers, in the order of the field's history.
pub const TERMS: &[TermInfo] = &[
    TermInfo {
        name: cross_entropy::NAME,
        formula: "−mean_b log p_s(y)",
        needs: "labels",
        source: "Szegedy et al. 2016, arXiv:1512.00567 (label smoothing, section 7)",
    },
    TermInfo {
        name: soft_targets::NAME,
        formula: "T²·mean_b KL(p_t‖p_s),  p = softmax(z/T)",
        needs: "teacher logits",
        source: "Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2",
    },
];
