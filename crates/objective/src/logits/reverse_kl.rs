//! Reverse divergence: the student is drawn to where the teacher is sure, and gives up the rest.
//!
//! L = T² · mean_b Σ_c p_s log(p_s / p_t),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Gu et al. 2023, arXiv:2306.08543 (MiniLLM), section 2.1,
//! for sequences; here as the plain loss on given outputs, with the T² of soft targets.

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "reverse-kl",
    formula: "T²·mean_b KL(p_s‖p_t),  p = softmax(z/T)",
    needs: "teacher logits",
    source: "Gu et al. 2023, arXiv:2306.08543 (MiniLLM)",
};

config! {
    /// Configuration of [`ReverseKl`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    ReverseKlConfig {
        temperature = 1.0,
        standardise,
        weight = 1.0,
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
        INFO.name
    }

    fn formula(&self) -> String {
        format!("T²·KL(s‖t; {})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let softened = self.softening.of_both(signals, INFO.name)?;
        Ok(self.softening.mean(signals, softened.distributions().reverse_kl()))
    }
}
