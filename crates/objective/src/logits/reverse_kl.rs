//! Reverse divergence: the student is drawn to where the teacher is sure, and gives up the rest.
//!
//! L = T² · mean_b Σ_c p_s log(p_s / p_t),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Gu et al. 2023, arXiv:2306.08543 (MiniLLM), section 2.1,
//! for sequences; here as the plain loss on given outputs, with the T² of soft targets.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo,
    softened::{Softening, divergence},
};

const NAME: &str = "reverse-kl";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "T²·mean_b KL(p_s‖p_t),  p = softmax(z/T)",
    needs: "teacher logits",
    source: "Gu et al. 2023, arXiv:2306.08543 (MiniLLM)",
};

/// Configuration of [`ReverseKl`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
/// | `standardise` | false | |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ReverseKlConfig {
    /// Softening temperature T.
    #[serde(default = "crate::schedule::one")]
    pub temperature: Schedule,
    /// Whether both networks' logits are [standardised](crate::standardise) first.
    #[serde(default)]
    pub standardise: bool,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::schedule::one")]
    pub weight: Schedule,
}

impl Default for ReverseKlConfig {
    fn default() -> Self {
        let one = crate::schedule::one();
        Self { temperature: one, standardise: false, weight: one }
    }
}

impl ReverseKlConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a temperature out of its range.
    pub fn build(&self) -> Result<ReverseKl, ConfigError> {
        Ok(ReverseKl { softening: Softening::new(self.temperature, self.standardise)? })
    }
}

/// Divergence of the teacher's softened outputs from the student's.
#[derive(Debug, Clone)]
pub struct ReverseKl {
    softening: Softening,
}

impl Term for ReverseKl {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·KL(s‖t; {})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let (student, teacher) = self.softening.of_both(signals, NAME)?;
        Ok(self.softening.mean(signals, divergence(student, teacher)))
    }
}
