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
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo,
    softened::{Softening, divergence, log_add_exp},
};

const NAME: &str = "skewed-kl";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "T²·mean_b KL(p‖α·p + (1−α)·q),  p, q = teacher, student or the reverse",
    needs: "teacher logits",
    source: "Ko et al. 2024, arXiv:2402.03898 (DistiLLM)",
};

/// Configuration of [`SkewedKl`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
/// | `skew` | 0.1 | `(0, 1)` |
/// | `reverse` | false | |
/// | `standardise` | false | |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SkewedKlConfig {
    /// Softening temperature T.
    #[serde(default = "crate::schedule::one")]
    pub temperature: Schedule,
    /// Share α that the mixture takes from the distribution that it is compared with.
    #[serde(default = "tenth")]
    pub skew: f64,
    /// Whether the student's distribution is compared with the mixture, not the teacher's.
    #[serde(default)]
    pub reverse: bool,
    /// Whether both networks' logits are [standardised](crate::standardise) first.
    #[serde(default)]
    pub standardise: bool,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::schedule::one")]
    pub weight: Schedule,
}

fn tenth() -> f64 {
    0.1
}

impl Default for SkewedKlConfig {
    fn default() -> Self {
        let one = crate::schedule::one();
        Self { temperature: one, skew: tenth(), reverse: false, standardise: false, weight: one }
    }
}

impl SkewedKlConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<SkewedKl, ConfigError> {
        let Self { temperature, skew, reverse, standardise, .. } = *self;
        if !(skew > 0.0 && skew < 1.0) {
            let expected = "a number between 0 and 1: at 0 it is `soft-targets` or `reverse-kl`";
            return Err(ConfigError::new("skew", skew, expected));
        }
        Ok(SkewedKl { softening: Softening::new(temperature, standardise)?, skew, reverse })
    }
}

/// Divergence of one output from its mixture with the other.
#[derive(Debug, Clone)]
pub struct SkewedKl {
    softening: Softening,
    skew: f64,
    reverse: bool,
}

impl Term for SkewedKl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        let order = if self.reverse { "s‖t" } else { "t‖s" };
        format!("T²·SKL({order}; α={}; {})", self.skew, self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let Self { skew, reverse, .. } = *self;
        let (student, teacher) = self.softening.of_both(signals, NAME)?;
        let (p, q) = if reverse { (student, teacher) } else { (teacher, student) };
        let mixture = log_add_exp(p.clone() + skew.ln(), q + (1.0 - skew).ln());
        Ok(self.softening.mean(signals, divergence(p, mixture)))
    }
}
