//! Skewed divergence: the student's distribution mixed with a little of the teacher's, or the reverse.
//!
//! forward: L = T² · mean_b KL(p_t ‖ α·p_t + (1 − α)·p_s)
//! reverse: L = T² · mean_b KL(p_s ‖ α·p_s + (1 − α)·p_t),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Ko et al. 2024, arXiv:2402.03898 (DistiLLM), section 3.1. The
//! mixture is never far below what it is compared with, so that the loss is at most −ln α and its gradient is
//! bounded where the plain divergences grow without end. For α → 0 they are `soft-targets` and `reverse-kl`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, SignalError, Signals, Term,
    softened::{
        batch_mean, check_temperature, divergence, log_add_exp, log_softmax_at,
        times_temperature_squared,
    },
};

pub(crate) const NAME: &str = "skewed-kl";

/// Configuration of [`SkewedKl`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
/// | `skew` | 0.1 | `(0, 1)` |
/// | `reverse` | false | |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkewedKlConfig {
    /// Softening temperature T.
    #[serde(default = "crate::config::one")]
    pub temperature: f64,
    /// Share α that the mixture takes from the distribution that it is compared with.
    #[serde(default = "tenth")]
    pub skew: f64,
    /// Whether the student's distribution is compared with the mixture, not the teacher's.
    #[serde(default)]
    pub reverse: bool,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::config::one")]
    pub weight: f64,
}

fn tenth() -> f64 {
    0.1
}

impl Default for SkewedKlConfig {
    fn default() -> Self {
        Self { temperature: 1.0, skew: tenth(), reverse: false, weight: 1.0 }
    }
}

impl SkewedKlConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<SkewedKl, ConfigError> {
        let Self { temperature, skew, reverse, .. } = *self;
        if !(skew > 0.0 && skew < 1.0) {
            let expected = "a number between 0 and 1: at 0 it is `soft-targets` or `reverse-kl`";
            return Err(ConfigError::new("skew", skew, expected));
        }
        Ok(SkewedKl { temperature: check_temperature(temperature)?, skew, reverse })
    }
}

/// Divergence of one output from its mixture with the other.
#[derive(Debug, Clone)]
pub struct SkewedKl {
    temperature: f64,
    skew: f64,
    reverse: bool,
}

impl Term for SkewedKl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        let order = if self.reverse { "s‖t" } else { "t‖s" };
        format!("T²·SKL({order}; α={}; T={})", self.skew, self.temperature)
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn forward(&self, signals: &Signals) -> Result<Tensor<1>, SignalError> {
        let Self { temperature, skew, reverse } = *self;
        let teacher = log_softmax_at(signals.teacher_logits(NAME)?, temperature);
        let student = log_softmax_at(signals.student_logits(), temperature);
        let (p, q) = if reverse { (student, teacher) } else { (teacher, student) };
        let mixture = log_add_exp(p.clone() + skew.ln(), q + (1.0 - skew).ln());
        Ok(times_temperature_squared(batch_mean(divergence(p, mixture)), temperature))
    }
}
