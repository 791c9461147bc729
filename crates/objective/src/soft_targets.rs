//! Knowledge distillation with soft targets (KD).
//!
//! L = T² · mean_b Σ_c p_t log(p_t / p_s),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Hinton, Vinyals and Dean 2015, arXiv:1503.02531,
//! section 2. Gradient with respect to the student's logits: T·(p_s − p_t)/batch.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, SignalError, Signals, Term,
    softened::{check_temperature, soft_target_kl},
};

pub(crate) const NAME: &str = "soft-targets";

/// Configuration of [`SoftTargets`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SoftTargetsConfig {
    /// Softening temperature T.
    #[serde(default = "default_temperature")]
    pub temperature: f64,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::config::one")]
    pub weight: f64,
}

fn default_temperature() -> f64 {
    4.0
}

impl Default for SoftTargetsConfig {
    fn default() -> Self {
        Self { temperature: default_temperature(), weight: 1.0 }
    }
}

impl SoftTargetsConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a temperature that is not positive and finite.
    pub fn build(&self) -> Result<SoftTargets, ConfigError> {
        Ok(SoftTargets { temperature: check_temperature(self.temperature)? })
    }
}

/// Divergence of the student's softened outputs from the teacher's.
#[derive(Debug, Clone)]
pub struct SoftTargets {
    temperature: f64,
}

impl Term for SoftTargets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·KL(T={})", self.temperature)
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn forward(&self, signals: &Signals) -> Result<Tensor<1>, SignalError> {
        let teacher = signals.teacher_logits(NAME)?;
        Ok(soft_target_kl(signals.student_logits(), teacher, self.temperature))
    }
}
