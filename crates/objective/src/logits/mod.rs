//! Losses of what the networks answer.

pub(crate) mod cross_entropy;
pub(crate) mod decoupled;
pub(crate) mod dist;
pub(crate) mod jensen_shannon;
pub(crate) mod logit_mse;
pub(crate) mod reverse_kl;
pub(crate) mod skewed_kl;
pub(crate) mod soft_cross_entropy;
pub(crate) mod soft_targets;
pub(crate) mod top_k;
pub(crate) mod weighted_soft_targets;
