//! Logit matching: the squared distance of the logits themselves.
//!
//! L = mean_b (1/C) Σ_c (z_s − z_t)²   [squared logits]
//!
//! Needs: student and teacher logits. Papers: Ba and Caruana 2014, arXiv:1312.6184; Kim et al. 2021,
//! arXiv:2105.08919, who find it to beat soft targets. Soft targets tend to half of it, on zero-mean
//! logits, for high temperatures (Hinton et al. 2015, section 2.1).

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, distributions::NOTHING,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "logit-mse",
    formula: "mean_b (1/C) Σ_c (z_s − z_t)²",
    needs: "teacher logits",
    source: "Ba and Caruana 2014, arXiv:1312.6184",
};

config! {
    /// Configuration of [`LogitMse`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `weight` | 1 | `[0, ∞)` |
    LogitMseConfig {
        weight = 1.0,
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
        INFO.name
    }

    fn formula(&self) -> String {
        "MSE(z_s, z_t)".to_owned()
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let (student, teacher) =
            (signals.student_logits(INFO.name)?, signals.teacher_logits(INFO.name)?);
        let nothing = student.clone().min_pair(teacher.clone()).lower_equal_elem(NOTHING);
        let gap = (student - teacher).mask_fill(nothing, 0.0);
        Ok(signals.mean(gap.powi_scalar(2).mean_dim(1)))
    }
}
