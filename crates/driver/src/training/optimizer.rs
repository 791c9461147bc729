//! Optimizers, by their settings.

use burn::optim::{
    AdamConfig, AdamWConfig, ModuleOptimizer, SgdConfig, decay::WeightDecayConfig,
    momentum::MomentumConfig,
};
use serde::{Deserialize, Serialize};

use super::Precision;

/// Kinds of optimizer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum OptimizerKind {
    /// Kingma and Ba 2014, arXiv:1412.6980; weight decay is added to the gradient.
    #[default]
    Adam,
    /// Loshchilov and Hutter 2017, arXiv:1711.05101; weight decay is decoupled.
    AdamW,
    /// Stochastic gradient descent with momentum, as PyTorch computes it (no dampening).
    Sgd,
}

/// An optimizer with every field known and in range, as
/// [`OptimizerSection::resolve`](crate::recipe::OptimizerSection::resolve) gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// Adam, AdamW or SGD.
    pub kind: OptimizerKind,
    /// Learning rate before the schedule, `(0, ∞)`.
    pub learning_rate: f64,
    /// Samples of a step, from 1.
    pub batch: usize,
    /// Weight decay, `[0, ∞)`.
    pub weight_decay: f64,
    /// Momentum of SGD, `[0, 1)`.
    pub momentum: f64,
    /// Nesterov's momentum, SGD only.
    pub nesterov: bool,
    /// Decay rates of the two moments of Adam, `[0, 1)`.
    pub betas: [f64; 2],
    /// Adam's ε, `(0, ∞)`.
    pub epsilon: f64,
    /// Precision of forward and backward passes.
    #[serde(default, skip_serializing_if = "Precision::is_default")]
    pub precision: Precision,
    /// Gradient accumulation: micro-batches of a step, from 1.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub accumulate: usize,
    /// Gradient checkpointing: values that are kept; 0 keeps all.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub gradient_checkpoints: usize,
    /// Gradient clipping: bound on the global norm, `(0, ∞)`.
    pub clip_norm: Option<f64>,
    /// Bound on the norm of the weights into each unit of a linear layer, `(0, ∞)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<f64>,
}

/// Adam with the defaults of PyTorch, batches of 64.
impl Default for OptimizerConfig {
    fn default() -> Self {
        Self {
            kind: OptimizerKind::default(),
            learning_rate: 1e-3,
            batch: 64,
            weight_decay: 0.0,
            momentum: 0.9,
            nesterov: false,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            precision: Precision::default(),
            accumulate: 1,
            gradient_checkpoints: 0,
            clip_norm: None,
            max_norm: None,
        }
    }
}

impl OptimizerConfig {
    /// Burn's optimizer with this configuration.
    pub fn build(&self) -> ModuleOptimizer {
        let decay = (self.weight_decay > 0.0).then_some(self.weight_decay as f32);
        let [beta_1, beta_2] = self.betas.map(|beta| beta as f32);
        let epsilon = self.epsilon as f32;
        match self.kind {
            OptimizerKind::Adam => AdamConfig::new()
                .with_beta_1(beta_1)
                .with_beta_2(beta_2)
                .with_epsilon(epsilon)
                .with_weight_decay(decay.map(WeightDecayConfig::new))
                .init(),
            OptimizerKind::AdamW => AdamWConfig::new()
                .with_beta_1(beta_1)
                .with_beta_2(beta_2)
                .with_epsilon(epsilon)
                .with_weight_decay(decay.unwrap_or(0.0))
                .init(),
            OptimizerKind::Sgd => {
                // Burn's dampening of 0.1 by default is not PyTorch's.
                let momentum = MomentumConfig::new()
                    .with_momentum(self.momentum)
                    .with_dampening(0.0)
                    .with_nesterov(self.nesterov);
                SgdConfig::new()
                    .with_momentum((self.momentum > 0.0).then_some(momentum))
                    .with_weight_decay(decay.map(WeightDecayConfig::new))
                    .init()
            }
        }
    }
}

fn one() -> usize {
    1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_one(value: &usize) -> bool {
    *value == 1
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(value: &usize) -> bool {
    *value == 0
}
