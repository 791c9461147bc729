#![doc = include_str!("../README.md")]

mod config;
mod cross_entropy;
mod decoupled;
mod dist;
mod error;
mod formula;
mod jensen_shannon;
mod logit_mse;
mod objective;
mod reverse_kl;
mod signals;
mod skewed_kl;
mod soft_targets;
mod softened;

pub use config::TermConfig;
pub use cross_entropy::{CrossEntropy, CrossEntropyConfig};
pub use decoupled::{Decoupled, DecoupledConfig};
pub use dist::{Dist, DistConfig};
pub use error::{ConfigError, SignalError};
pub use jensen_shannon::{JensenShannon, JensenShannonConfig};
pub use logit_mse::{LogitMse, LogitMseConfig};
pub use objective::{Evaluation, Objective, Term, TermValue};
pub use reverse_kl::{ReverseKl, ReverseKlConfig};
pub use signals::Signals;
pub use skewed_kl::{SkewedKl, SkewedKlConfig};
pub use soft_targets::{SoftTargets, SoftTargetsConfig};
pub use softened::{log_softmax_at, soft_target_kl};

/// One line of the table that `distill list objectives` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// Loss as a formula, mean over the batch; in nats unless it says otherwise.
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
    TermInfo {
        name: logit_mse::NAME,
        formula: "mean_b (1/C) Σ_c (z_s − z_t)²",
        needs: "teacher logits",
        source: "Ba and Caruana 2014, arXiv:1312.6184",
    },
    TermInfo {
        name: decoupled::NAME,
        formula: "T²·mean_b (α·TCKD + β·NCKD)",
        needs: "teacher logits, labels, more than 2 classes",
        source: "Zhao et al. 2022, arXiv:2203.08679 (DKD)",
    },
    TermInfo {
        name: dist::NAME,
        formula: "T²·(β·(1 − mean_b ρ_rows) + γ·(1 − mean_c ρ_columns))",
        needs: "teacher logits",
        source: "Huang et al. 2022, arXiv:2205.10536 (DIST)",
    },
    TermInfo {
        name: reverse_kl::NAME,
        formula: "T²·mean_b KL(p_s‖p_t),  p = softmax(z/T)",
        needs: "teacher logits",
        source: "Gu et al. 2023, arXiv:2306.08543 (MiniLLM)",
    },
    TermInfo {
        name: jensen_shannon::NAME,
        formula: "T²·mean_b (β·KL(p_t‖m) + (1−β)·KL(p_s‖m)),  m = β·p_t + (1−β)·p_s",
        needs: "teacher logits",
        source: "Agarwal et al. 2023, arXiv:2306.13649 (GKD)",
    },
    TermInfo {
        name: skewed_kl::NAME,
        formula: "T²·mean_b KL(p‖α·p + (1−α)·q),  p, q = teacher, student or the reverse",
        needs: "teacher logits",
        source: "Ko et al. 2024, arXiv:2402.03898 (DistiLLM)",
    },
];
