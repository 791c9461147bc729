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

use crate::{
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo, config::config, softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "weighted-soft-targets",
    formula: "T²·mean_b (1 − exp(−CE_s/CE_t))·KL(p_t‖p_s)",
    needs: "teacher logits, labels",
    source: "Zhou et al. 2021, arXiv:2102.00650 (WSLD)",
};

config! {
    /// Configuration of [`WeightedSoftTargets`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 2 | `[0.0001, 1000000]`, no unit |
    /// | `standardise` | false | |
    /// | `weight` | 2.5 | `[0, ∞)` |
    WeightedSoftTargetsConfig {
        temperature = 2.0,
        standardise,
        /// Factor of this term in the sum; T² is not part of it. 2.5 is the reference's for ImageNet.
        weight: Schedule = Schedule::constant(2.5),
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
        INFO.name
    }

    fn formula(&self) -> String {
        format!("T²·w·KL({})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let labels = signals.labels(INFO.name)?.unsqueeze_dim::<2>(1);
        let cross_entropy = |logits: Tensor<2>| -log_softmax(logits, 1).gather(1, labels.clone());
        let of_student = cross_entropy(signals.student_logits(INFO.name)?.detach());
        let of_teacher = cross_entropy(signals.teacher_logits(INFO.name)?);
        let weights = -(-of_student / (of_teacher + EPSILON)).exp() + 1.0;

        let softened = self.softening.of_both(signals, INFO.name)?;
        Ok(self.softening.mean(signals, weights * softened.distributions().kl()))
    }
}
