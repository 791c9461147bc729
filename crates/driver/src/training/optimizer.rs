//! Optimizers, by their settings.

use burn::optim::{
    AdamConfig, AdamWConfig, ModuleOptimizer, SgdConfig, decay::WeightDecayConfig,
    momentum::MomentumConfig,
};
use serde::{Deserialize, Serialize};

use super::{Precision, Refusal};

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

/// An optimizer with every field known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OptimizerConfig {
    /// Adam, AdamW or SGD.
    pub kind: OptimizerKind,
    /// Learning rate before the schedule, `(0, ∞)`.
    pub learning_rate: f64,
    /// Samples of a step, from 1, for estimates: the data loader determines them.
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
    /// Checks the ranges: name, value and what is allowed of the first field that is out of its own.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        // Optimizers compute in single precision.
        let positive = |value: f64| (value as f32).is_finite() && value as f32 > 0.0;
        let fraction = |value: f64| (0.0..1.0).contains(&value);
        let single = |value: f64| fraction(value) && (value as f32) < 1.0;
        let checks = [
            ("learning_rate", self.learning_rate, positive(self.learning_rate), POSITIVE),
            ("batch", self.batch as f64, self.batch > 0, "at least 1"),
            ("accumulate", self.accumulate as f64, self.accumulate > 0, "at least 1"),
            (
                "weight_decay",
                self.weight_decay,
                self.weight_decay == 0.0 || positive(self.weight_decay),
                "0, or a finite number above it in single precision",
            ),
            ("momentum", self.momentum, fraction(self.momentum), FRACTION),
            ("betas[0]", self.betas[0], single(self.betas[0]), FRACTION),
            ("betas[1]", self.betas[1], single(self.betas[1]), FRACTION),
            ("epsilon", self.epsilon, positive(self.epsilon), POSITIVE),
        ];
        for (field, value, good, expected) in checks {
            if !good {
                return Err((field.to_owned(), value.to_string(), expected));
            }
        }
        for (field, norm) in [("clip_norm", self.clip_norm), ("max_norm", self.max_norm)] {
            if let Some(norm) = norm.filter(|norm| !positive(*norm)) {
                return Err((field.to_owned(), norm.to_string(), POSITIVE));
            }
        }
        if self.nesterov && self.momentum == 0.0 {
            let expected = "momentum above 0 with it";
            return Err(("nesterov".to_owned(), "true".to_owned(), expected));
        }
        Ok(())
    }

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

const POSITIVE: &str = "a finite number above 0 in single precision";
const FRACTION: &str = "a number in [0, 1)";
