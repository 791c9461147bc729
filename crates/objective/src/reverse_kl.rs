//! Reverse divergence: the student is drawn to where the teacher is sure, and gives up the rest.
//!
//! L = T² · mean_b Σ_c p_s log(p_s / p_t),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Gu et al. 2023, arXiv:2306.08543 (MiniLLM), section 2.1,
//! for sequences; here as the plain loss on given outputs, with the T² of soft targets.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, SignalError, Signals, Term,
    softened::{check_temperature, soft_target_kl},
};

pub(crate) const NAME: &str = "reverse-kl";

/// Configuration of [`ReverseKl`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReverseKlConfig {
    /// Softening temperature T.
    #[serde(default = "crate::config::one")]
    pub temperature: f64,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::config::one")]
    pub weight: f64,
}

impl Default for ReverseKlConfig {
    fn default() -> Self {
        Self { temperature: 1.0, weight: 1.0 }
    }
}

impl ReverseKlConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a temperature out of its range.
    pub fn build(&self) -> Result<ReverseKl, ConfigError> {
        Ok(ReverseKl { temperature: check_temperature(self.temperature)? })
    }
}

/// Divergence of the teacher's softened outputs from the student's.
#[derive(Debug, Clone)]
pub struct ReverseKl {
    temperature: f64,
}

impl Term for ReverseKl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·KL(s‖t; T={})", self.temperature)
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn forward(&self, signals: &Signals) -> Result<Tensor<1>, SignalError> {
        let teacher = signals.teacher_logits(NAME)?;
        Ok(soft_target_kl(teacher, signals.student_logits(), self.temperature))
    }
}
