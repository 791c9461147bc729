//! Knowledge distillation with soft targets (KD).
//!
//! L = T² · mean_b Σ_c p_t log(p_t / p_s),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Hinton, Vinyals and Dean 2015, arXiv:1503.02531,
//! section 2. Gradient with respect to the student's logits: T·(p_s − p_t)/batch.

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "soft-targets",
    formula: "T²·mean_b KL(p_t‖p_s),  p = softmax(z/T)",
    needs: "teacher logits",
    source: "Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2",
};

config! {
    /// Configuration of [`SoftTargets`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    SoftTargetsConfig {
        temperature = 4.0,
        standardise,
        weight = 1.0,
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
        INFO.name
    }

    fn formula(&self) -> String {
        format!("T²·KL({})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let softened = self.softening.of_both(signals, INFO.name)?;
        Ok(self.softening.mean(signals, softened.distributions().kl()))
    }
}
