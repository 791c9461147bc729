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

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo,
    config::{check_factors, config},
    distributions::one_of,
    formula,
    softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "decoupled",
    formula: "T²·mean_b (α·TCKD + β·NCKD)",
    needs: "teacher logits, labels, more than 2 classes",
    source: "Zhao et al. 2022, arXiv:2203.08679 (DKD)",
};

config! {
    /// Configuration of [`Decoupled`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
    /// | `target` | 1 | `[0, 1e9]` |
    /// | `non_target` | 8 | `[0, 1e9]` |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    DecoupledConfig {
        temperature = 4.0,
        /// Factor α of the target class's part.
        target: f64 = 1.0,
        /// Factor β of the other classes' part: 8, 6 or 2 in the paper, the smaller the surer the teacher.
        non_target: f64 = 8.0,
        standardise,
        weight = 1.0,
    }
}

impl DecoupledConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range, and for two factors of zero.
    pub fn build(&self) -> Result<Decoupled, ConfigError> {
        let Self { temperature, target, non_target, standardise, .. } = *self;
        check_factors([("target", target), ("non_target", non_target)])?;
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
        INFO.name
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
            _ => self.softening.check_classes(INFO.name, classes),
        }
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let softened = self.softening.of_both(signals, INFO.name)?;
        let labels = signals.labels(INFO.name)?.unsqueeze_dim::<2>(1);
        let [_, classes] = signals.student_logits(INFO.name)?.dims();
        let is_target = one_of(&labels, classes);
        let target = softened.with_rest(&labels, &is_target).distributions().kl();
        let others = softened.without(&is_target).distributions().kl();
        let per_sample = target * self.target + others * self.non_target;
        Ok(self.softening.mean(signals, per_sample))
    }
}
