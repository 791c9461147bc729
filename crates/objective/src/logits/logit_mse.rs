//! Logit matching: the squared distance of the logits themselves.
//!
//! L = mean_b (1/C) Σ_c (z_s − z_t)²   [squared logits]
//!
//! Needs: student and teacher logits. Papers: Ba and Caruana 2014, arXiv:1312.6184; Kim et al. 2021,
//! arXiv:2105.08919, who find it to beat soft targets. Soft targets tend to half of it, on zero-mean
//! logits, for high temperatures (Hinton et al. 2015, section 2.1).

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{ConfigError, Inputs, Schedule, SignalError, Term, TermInfo};

const NAME: &str = "logit-mse";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "mean_b (1/C) Σ_c (z_s − z_t)²",
    needs: "teacher logits",
    source: "Ba and Caruana 2014, arXiv:1312.6184",
};

/// Configuration of [`LogitMse`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LogitMseConfig {
    /// Factor of this term in the sum.
    #[serde(default = "crate::schedule::one")]
    pub weight: Schedule,
}

impl Default for LogitMseConfig {
    fn default() -> Self {
        Self { weight: crate::schedule::one() }
    }
}

impl LogitMseConfig {
    /// Makes the term.
    ///
    /// # Errors
    /// None: it has no setting of its own.
    pub fn build(&self) -> Result<LogitMse, ConfigError> {
        Ok(LogitMse)
    }
}

/// Mean squared difference of logits.
#[derive(Debug, Clone)]
pub struct LogitMse;

impl Term for LogitMse {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        "MSE(z_s, z_t)".to_owned()
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let gap = signals.student_logits() - signals.teacher_logits(NAME)?;
        Ok(signals.mean(gap.powi_scalar(2).mean_dim(1)))
    }
}
