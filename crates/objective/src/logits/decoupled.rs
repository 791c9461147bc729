//! Decoupled knowledge distillation (DKD).
//!
//! L = T² · mean_b [ α·TCKD + β·NCKD ]   [nats]
//!
//! TCKD = KL of (p(y), 1 − p(y)), what the teacher says of the target class against all others;
//! NCKD = KL of p̂, the distribution among the others. p and p̂ = softmax(z / T), p̂ without the target.
//! Soft targets are TCKD + (1 − p_t(y))·NCKD: where the teacher is sure, they hardly see the others.
//!
//! Needs: student and teacher logits, labels. Paper: Zhao et al. 2022, arXiv:2203.08679, section 3.
//! Reference: mdistiller's `DKD.py`, which masks the target by −1000 and takes the logarithm of a sum of
//! probabilities, and so is infinite where the student is sure; here both are in log space.

use burn::tensor::{Int, Tensor, activation::log_softmax};
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo, formula,
    softened::{NOTHING, Softening, divergence, log_sum_exp},
};

const NAME: &str = "decoupled";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "T²·mean_b (α·TCKD + β·NCKD)",
    needs: "teacher logits, labels, more than 2 classes",
    source: "Zhao et al. 2022, arXiv:2203.08679 (DKD)",
};

/// Configuration of [`Decoupled`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
/// | `target` | 1 | `[0, 1e9]` |
/// | `non_target` | 8 | `[0, 1e9]` |
/// | `standardise` | false | |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DecoupledConfig {
    /// Softening temperature T.
    #[serde(default = "crate::schedule::four")]
    pub temperature: Schedule,
    /// Factor α of the target class's part.
    #[serde(default = "one")]
    pub target: f64,
    /// Factor β of the other classes' part: 8, 6 or 2 in the paper, the smaller the surer the teacher.
    #[serde(default = "eight")]
    pub non_target: f64,
    /// Whether both networks' logits are [standardised](crate::standardise) first.
    #[serde(default)]
    pub standardise: bool,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::schedule::one")]
    pub weight: Schedule,
}

fn one() -> f64 {
    1.0
}

fn eight() -> f64 {
    8.0
}

impl Default for DecoupledConfig {
    fn default() -> Self {
        Self {
            temperature: crate::schedule::four(),
            target: one(),
            non_target: eight(),
            standardise: false,
            weight: crate::schedule::one(),
        }
    }
}

impl DecoupledConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range, and for two factors of zero.
    pub fn build(&self) -> Result<Decoupled, ConfigError> {
        let Self { temperature, target, non_target, standardise, .. } = *self;
        for (field, factor) in [("target", target), ("non_target", non_target)] {
            if !(0.0..=1e9).contains(&factor) {
                return Err(ConfigError::new(field, factor, "a number from 0 to 1e9"));
            }
        }
        if target == 0.0 && non_target == 0.0 {
            return Err(ConfigError::new("target", 0, "above 0 where `non_target` is 0"));
        }
        Ok(Decoupled { softening: Softening::new(temperature, standardise)?, target, non_target })
    }
}

/// Target and non-target parts of soft targets, each with a factor of its own.
#[derive(Debug, Clone)]
pub struct Decoupled {
    softening: Softening,
    target: f64,
    non_target: f64,
}

impl Term for Decoupled {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        let [target, non_target] = [self.target, self.non_target].map(formula::weight);
        format!("T²·({target}·TCKD + {non_target}·NCKD)({})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        match classes {
            2 if self.non_target > 0.0 => {
                let expected = "0 for two classes: there is nothing to tell apart among the others";
                Err(ConfigError::new("non_target", self.non_target, expected))
            }
            _ => self.softening.check_classes(classes),
        }
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let (student, teacher) = self.softening.of_both(signals, NAME)?;
        let (teacher, student) =
            (Parts::new(teacher, signals.labels()), Parts::new(student, signals.labels()));
        let target = divergence(teacher.target, student.target);
        let non_target = divergence(teacher.others, student.others);
        let per_sample = target * self.target + non_target * self.non_target;
        Ok(self.softening.mean(signals, per_sample))
    }
}

/// A log distribution in two parts, both in log space.
struct Parts {
    /// Of the target class and of all others, `[batch, 2]`.
    target: Tensor<2>,
    /// Among the others, `[batch, classes]`, with nothing at the target.
    others: Tensor<2>,
}

impl Parts {
    fn new(log_p: Tensor<2>, labels: Tensor<1, Int>) -> Self {
        let [batch, classes] = log_p.dims();
        let device = log_p.device();
        let labels = labels.unsqueeze_dim::<2>(1);
        let columns = Tensor::<1, Int>::arange(0..classes as i64, &device).unsqueeze_dim::<2>(0);
        let at_target = columns.repeat_dim(0, batch).equal(labels.clone().repeat_dim(1, classes));
        let masked = log_p.clone().mask_fill(at_target, NOTHING);
        let rest = log_sum_exp(masked.clone());
        Self {
            target: Tensor::cat(vec![log_p.gather(1, labels), rest], 1),
            others: log_softmax(masked, 1),
        }
    }
}
