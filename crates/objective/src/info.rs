//! The table of all terms.

use crate::{features, logits};

/// One line of the table that `distill list objectives` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// Loss as a formula, mean over the batch; its page in `docs/objectives/` says the unit.
    pub formula: &'static str,
    /// What it needs beside the student's logits.
    pub needs: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// Every term this crate offers: of logits, then of features, each in the order of what they need.
pub const TERMS: &[TermInfo] = &[
    logits::cross_entropy::INFO,
    logits::soft_targets::INFO,
    logits::soft_cross_entropy::INFO,
    logits::logit_mse::INFO,
    logits::weighted_soft_targets::INFO,
    logits::decoupled::INFO,
    logits::dist::INFO,
    logits::top_k::INFO,
    logits::reverse_kl::INFO,
    logits::jensen_shannon::INFO,
    logits::skewed_kl::INFO,
    features::hint::INFO,
    features::attention::INFO,
    features::nst::INFO,
    features::pkt::INFO,
    features::similarity::INFO,
    features::correlation::INFO,
    features::rkd::INFO,
    features::vid::INFO,
    features::overhaul::INFO,
    features::crd::INFO,
    features::review::INFO,
];
