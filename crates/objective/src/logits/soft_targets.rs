//! Knowledge distillation with soft targets (KD).
//!
//! L = T² · mean_b Σ_c p_t log(p_t / p_s),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Hinton, Vinyals and Dean 2015, arXiv:1503.02531,
//! section 2. Gradient with respect to the student's logits: T·(p_s − p_t)/batch.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo,
    softened::{Softening, divergence},
};

const NAME: &str = "soft-targets";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "T²·mean_b KL(p_t‖p_s),  p = softmax(z/T)",
    needs: "teacher logits",
    source: "Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2",
};

/// Configuration of [`SoftTargets`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
/// | `standardise` | false | |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SoftTargetsConfig {
    /// Softening temperature T.
    #[serde(default = "crate::schedule::four")]
    pub temperature: Schedule,
    /// Whether both networks' logits are [standardised](crate::standardise) first.
    #[serde(default)]
    pub standardise: bool,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::schedule::one")]
    pub weight: Schedule,
}

impl Default for SoftTargetsConfig {
    fn default() -> Self {
        Self {
            temperature: crate::schedule::four(),
            standardise: false,
            weight: crate::schedule::one(),
        }
    }
}

impl SoftTargetsConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a temperature out of its range.
    pub fn build(&self) -> Result<SoftTargets, ConfigError> {
        Ok(SoftTargets { softening: Softening::new(self.temperature, self.standardise)? })
    }
}

/// Divergence of the student's softened outputs from the teacher's.
#[derive(Debug, Clone)]
pub struct SoftTargets {
    softening: Softening,
}

impl Term for SoftTargets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·KL({})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let (student, teacher) = self.softening.of_both(signals, NAME)?;
        Ok(self.softening.mean(signals, divergence(teacher, student)))
    }
}
