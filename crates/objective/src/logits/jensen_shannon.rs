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
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo,
    softened::{Softening, divergence, log_add_exp},
};

const NAME: &str = "jensen-shannon";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "T²·mean_b (β·KL(p_t‖m) + (1−β)·KL(p_s‖m)),  m = β·p_t + (1−β)·p_s",
    needs: "teacher logits",
    source: "Agarwal et al. 2023, arXiv:2306.13649 (GKD)",
};

/// Configuration of [`JensenShannon`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
/// | `mixing` | 0.5 | `(0, 1)` |
/// | `standardise` | false | |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JensenShannonConfig {
    /// Softening temperature T.
    #[serde(default = "crate::schedule::one")]
    pub temperature: Schedule,
    /// The teacher's share β of the mixture.
    #[serde(default = "half")]
    pub mixing: f64,
    /// Whether both networks' logits are [standardised](crate::standardise) first.
    #[serde(default)]
    pub standardise: bool,
    /// Factor of this term in the sum; T² is not part of it.
    #[serde(default = "crate::schedule::one")]
    pub weight: Schedule,
}

fn half() -> f64 {
    0.5
}

impl Default for JensenShannonConfig {
    fn default() -> Self {
        let one = crate::schedule::one();
        Self { temperature: one, mixing: half(), standardise: false, weight: one }
    }
}

impl JensenShannonConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<JensenShannon, ConfigError> {
        let Self { temperature, mixing, standardise, .. } = *self;
        if !(mixing > 0.0 && mixing < 1.0) {
            let expected =
                "a number between 0 and 1: at the ends it is `soft-targets`, `reverse-kl`";
            return Err(ConfigError::new("mixing", mixing, expected));
        }
        Ok(JensenShannon { softening: Softening::new(temperature, standardise)?, mixing })
    }
}

/// Mean divergence of both outputs from their mixture.
#[derive(Debug, Clone)]
pub struct JensenShannon {
    softening: Softening,
    mixing: f64,
}

impl Term for JensenShannon {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        format!("T²·JS(β={}; {})", self.mixing, self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let mixing = self.mixing;
        let (student, teacher) = self.softening.of_both(signals, NAME)?;
        let mixture =
            log_add_exp(teacher.clone() + mixing.ln(), student.clone() + (1.0 - mixing).ln());
        let per_sample = divergence(teacher, mixture.clone()) * mixing
            + divergence(student, mixture) * (1.0 - mixing);
        Ok(self.softening.mean(signals, per_sample))
    }
}
