//! Skewed divergence: the student's distribution mixed with a little of the teacher's, or the reverse.
//!
//! forward: L = T² · mean_b KL(p_t ‖ α·p_t + (1 − α)·p_s)
//! reverse: L = T² · mean_b KL(p_s ‖ α·p_s + (1 − α)·p_t),  p = softmax(z / T)   [nats]
//!
//! Needs: student and teacher logits. Paper: Ko et al. 2024, arXiv:2402.03898 (DistiLLM), section 3.1. The
//! mixture is never far below what it is compared with, so that the loss is at most −ln α and its gradient is
//! bounded where the plain divergences grow without end. For α → 0 they are `soft-targets` and `reverse-kl`.

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "skewed-kl",
    formula: "T²·mean_b KL(p‖α·p + (1−α)·q),  p, q = teacher, student or the reverse",
    needs: "teacher logits",
    source: "Ko et al. 2024, arXiv:2402.03898 (DistiLLM)",
};

config! {
    /// Configuration of [`SkewedKl`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
    /// | `skew` | 0.1 | `(0, 1)` |
    /// | `reverse` | false | |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    SkewedKlConfig {
        temperature = 1.0,
        /// Share α that the mixture takes from the distribution that it is compared with.
        skew: f64 = 0.1,
        /// Whether the student's distribution is compared with the mixture, not the teacher's.
        reverse: bool = false,
        standardise,
        weight = 1.0,
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
        INFO.name
    }

    fn formula(&self) -> String {
        let order = if self.reverse { "s‖t" } else { "t‖s" };
        format!("T²·SKL({order}; α={}; {})", self.skew, self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let Self { skew, reverse, .. } = *self;
        let both = self.softening.of_both(signals, INFO.name)?.distributions();
        let per_row =
            if reverse { both.reverse_kl_to_mixture(skew) } else { both.kl_to_mixture(skew) };
        Ok(self.softening.mean(signals, per_row))
    }
}
