//! Cross entropy with the teacher's soft targets in place of labels.
//!
//! L = −T² · mean_b Σ_c p_t log p_s,  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. It is `soft-targets` plus T² times the entropy of the teacher's
//! outputs, which no student can change: the same gradient, and a value that is not zero where both agree.
//! Hinton et al. 2015, arXiv:1503.02531, section 2, write it so. TextBrewer's `kd_ce_loss` has no T².

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "soft-cross-entropy",
    formula: "−T²·mean_b Σ_c p_t log p_s,  p = softmax(z/T)",
    needs: "teacher logits",
    source: "Hinton, Vinyals, Dean 2015, arXiv:1503.02531, section 2",
};

config! {
    /// Configuration of [`SoftCrossEntropy`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    SoftCrossEntropyConfig {
        temperature = 4.0,
        standardise,
        weight = 1.0,
    }
}

impl SoftCrossEntropyConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a temperature out of its range.
    pub fn build(&self) -> Result<SoftCrossEntropy, ConfigError> {
        Ok(SoftCrossEntropy { softening: Softening::new(self.temperature, self.standardise)? })
    }
}

/// Cross entropy with the teacher's softened outputs.
#[derive(Debug, Clone)]
pub struct SoftCrossEntropy {
    softening: Softening,
}

impl Term for SoftCrossEntropy {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn formula(&self) -> String {
        format!("T²·CE(p_t, p_s; {})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let softened = self.softening.of_both(signals, INFO.name)?;
        Ok(self.softening.mean(signals, softened.distributions().cross_entropy()))
    }
}
