//! Generalised Jensen-Shannon divergence: between soft targets and the reverse divergence.
//!
//! L = T² · mean_b [ β·KL(p_t‖m) + (1 − β)·KL(p_s‖m) ],  m = β·p_t + (1 − β)·p_s   [nats]
//!
//! Needs: student and teacher logits. Paper: Agarwal et al. 2023, arXiv:2306.13649 (GKD), equation 1.
//! L/β tends to KL(p_t‖p_s) for β → 0 and L/(1 − β) to KL(p_s‖p_t) for β → 1; L itself tends to 0 at
//! both ends. TRL's `GKDTrainer` calls those two limits β = 0 and β = 1, and so jumps there; here they
//! are terms of their own, `soft-targets` and `reverse-kl`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, SignalError, Signals, Term,
    softened::{
        batch_mean, check_temperature, divergence, log_add_exp, log_softmax_at,
        times_temperature_squared,
    },
};

pub(crate) const NAME: &str = "jensen-shannon";

/// Configuration of [`JensenShannon`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
/// | `mixing` | 0.5 | `(0, 1)` |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JensenShannonConfig {
    /// Softening temperature T.
    #[serde(default = "crate::config::one")]
    pub temperature: f64,
    /// The teacher's share β of the mixture.
    #[serde(default = "half")]
    pub mixing: f64,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::config::one")]
    pub weight: f64,
}

fn half() -> f64 {
    0.5
}

impl Default for JensenShannonConfig {
    fn default() -> Self {
        Self { temperature: 1.0, mixing: half(), weight: 1.0 }
    }
}

impl JensenShannonConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<JensenShannon, ConfigError> {
        let Self { temperature, mixing, .. } = *self;
        if !(mixing > 0.0 && mixing < 1.0) {
            let expected =
                "a number between 0 and 1: at the ends it is `soft-targets`, `reverse-kl`";
            return Err(ConfigError::new("mixing", mixing, expected));
        }
        Ok(JensenShannon { temperature: check_temperature(temperature)?, mixing })
    }
}

/// Mean divergence of both outputs from their mixture.
#[derive(Debug, Clone)]
pub struct JensenShannon {
    temperature: f64,
    mixing: f64,
}

impl Term for JensenShannon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·JS(β={}; T={})", self.mixing, self.temperature)
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn forward(&self, signals: &Signals) -> Result<Tensor<1>, SignalError> {
        let Self { temperature, mixing } = *self;
        let teacher = log_softmax_at(signals.teacher_logits(NAME)?, temperature);
        let student = log_softmax_at(signals.student_logits(), temperature);
        let mixture =
            log_add_exp(teacher.clone() + mixing.ln(), student.clone() + (1.0 - mixing).ln());
        let per_sample = divergence(teacher, mixture.clone()) * mixing
            + divergence(student, mixture) * (1.0 - mixing);
        Ok(times_temperature_squared(batch_mean(per_sample), temperature))
    }
}
