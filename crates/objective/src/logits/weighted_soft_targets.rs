//! Soft targets that count by how hard a sample is for the student and how easy for its teacher (WSLD).
//!
//! L = T² · mean_b w_b KL(p_t‖p_s),  w = 1 − exp(−CE_s / CE_t),  p = softmax(z / T)   [nats]
//!
//! CE: cross entropy with the label at T = 1. The weight lies in [0, 1): near 1 where the student errs and
//! the teacher does not, near 0 where the student already does better. No gradient flows through it.
//!
//! Needs: student and teacher logits, labels. Paper: Zhou et al. 2021, arXiv:2102.00650, section 4.
//! Reference: `bellymonster/Weighted-Soft-Label-Distillation`, which multiplies the cross entropy with soft
//! targets and not the divergence: another value, the same gradient.

use burn::tensor::{Tensor, activation::log_softmax};
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo,
    softened::{Softening, divergence},
};

const NAME: &str = "weighted-soft-targets";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "T²·mean_b (1 − exp(−CE_s/CE_t))·KL(p_t‖p_s)",
    needs: "teacher logits, labels",
    source: "Zhou et al. 2021, arXiv:2102.00650 (WSLD)",
};

/// Configuration of [`WeightedSoftTargets`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 2 | `[0.0001, 1000000]`, no unit |
/// | `standardise` | false | |
/// | `weight` | 2.5 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WeightedSoftTargetsConfig {
    /// Softening temperature T.
    #[serde(default = "two")]
    pub temperature: Schedule,
    /// Whether both networks' logits are [standardised](crate::standardise) first.
    #[serde(default)]
    pub standardise: bool,
    /// Factor of this term in the sum; T² is not part of it. 2.5 is the reference's for ImageNet.
    #[serde(default = "two_and_a_half")]
    pub weight: Schedule,
}

fn two() -> Schedule {
    Schedule::constant(2.0)
}

fn two_and_a_half() -> Schedule {
    Schedule::constant(2.5)
}

impl Default for WeightedSoftTargetsConfig {
    fn default() -> Self {
        Self { temperature: two(), standardise: false, weight: two_and_a_half() }
    }
}

impl WeightedSoftTargetsConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a temperature out of its range.
    pub fn build(&self) -> Result<WeightedSoftTargets, ConfigError> {
        Ok(WeightedSoftTargets { softening: Softening::new(self.temperature, self.standardise)? })
    }
}

/// Soft targets, weighted for each sample.
#[derive(Debug, Clone)]
pub struct WeightedSoftTargets {
    softening: Softening,
}

/// Keeps the quotient finite where the teacher is certain.
const EPSILON: f64 = 1e-7;

impl Term for WeightedSoftTargets {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·w·KL({})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let labels = signals.labels().unsqueeze_dim::<2>(1);
        let cross_entropy = |logits: Tensor<2>| -log_softmax(logits, 1).gather(1, labels.clone());
        let of_student = cross_entropy(signals.student_logits().detach());
        let of_teacher = cross_entropy(signals.teacher_logits(NAME)?);
        let weights = -(-of_student / (of_teacher + EPSILON)).exp() + 1.0;

        let (student, teacher) = self.softening.of_both(signals, NAME)?;
        Ok(self.softening.mean(signals, weights * divergence(teacher, student)))
    }
}
