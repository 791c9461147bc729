//! Cross entropy with the labels, optionally smoothed.
//!
//! L = −mean_b Σ_c q_c log p_s(c),  q = (1 − ε)·onehot(y) + ε/C   [nats]
//!
//! Needs: labels. Label smoothing: Szegedy et al. 2016, arXiv:1512.00567, section 7, with the mass
//! ε spread over all C classes, the true one too, as PyTorch's `CrossEntropyLoss` does.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, formula,
    softened::check_two_classes,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "cross-entropy",
    formula: "−mean_b log p_s(y)",
    needs: "labels",
    source: "Szegedy et al. 2016, arXiv:1512.00567 (label smoothing, section 7)",
};

config! {
    /// Configuration of [`CrossEntropy`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `weight` | 1 | `[0, ∞)` |
    /// | `label_smoothing` | 0 | `[0, 1)` |
    CrossEntropyConfig {
        weight = 1.0,
        /// Probability mass ε that is spread evenly over all classes.
        label_smoothing: f64 = 0.0,
    }
}

impl CrossEntropyConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<CrossEntropy, ConfigError> {
        let label_smoothing = self.label_smoothing;
        if !(0.0..1.0).contains(&label_smoothing) {
            return Err(ConfigError::new("label_smoothing", label_smoothing, "a number in [0, 1)"));
        }
        Ok(CrossEntropy { label_smoothing })
    }
}

/// Cross entropy with the labels.
#[derive(Debug, Clone)]
pub struct CrossEntropy {
    label_smoothing: f64,
}

impl Term for CrossEntropy {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn formula(&self) -> String {
        match self.label_smoothing {
            0.0 => "CE".to_owned(),
            smoothing => format!("CE(ε={})", formula::weight(smoothing)),
        }
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        check_two_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let log_probabilities = log_softmax(signals.student_logits(INFO.name)?, 1);
        let labels = signals.labels(INFO.name)?.unsqueeze_dim(1);
        let hard = signals.mean(-log_probabilities.clone().gather(1, labels));
        if self.label_smoothing == 0.0 {
            return Ok(hard);
        }
        let uniform = signals.mean(-log_probabilities.mean_dim(1));
        Ok(hard * (1.0 - self.label_smoothing) + uniform * self.label_smoothing)
    }
}
