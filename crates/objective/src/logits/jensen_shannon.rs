//! Generalised Jensen-Shannon divergence: between soft targets and the reverse divergence.
//!
//! L = T² · mean_b [ β·KL(p_t‖m) + (1 − β)·KL(p_s‖m) ],  m = β·p_t + (1 − β)·p_s   [nats]
//!
//! Needs: student and teacher logits. Paper: Agarwal et al. 2023, arXiv:2306.13649 (GKD), equation 1.
//! L/β tends to KL(p_t‖p_s) for β → 0 and L/(1 − β) to KL(p_s‖p_t) for β → 1; L itself tends to 0 at
//! both ends. TRL's `GKDTrainer` calls those two limits β = 0 and β = 1, and so jumps there; here they
//! are terms of their own, `soft-targets` and `reverse-kl`.

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "jensen-shannon",
    formula: "T²·mean_b (β·KL(p_t‖m) + (1−β)·KL(p_s‖m)),  m = β·p_t + (1−β)·p_s",
    needs: "teacher logits",
    source: "Agarwal et al. 2023, arXiv:2306.13649 (GKD)",
};

config! {
    /// Configuration of [`JensenShannon`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 1 | `[0.0001, 1000000]`, no unit |
    /// | `mixing` | 0.5 | `(0, 1)` |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    JensenShannonConfig {
        temperature = 1.0,
        /// The teacher's share β of the mixture.
        mixing: f64 = 0.5,
        standardise,
        weight = 1.0,
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
        INFO.name
    }

    fn formula(&self) -> String {
        format!("T²·JS(β={}; {})", self.mixing, self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let mixing = self.mixing;
        let both = self.softening.of_both(signals, INFO.name)?.distributions();
        let per_sample = both.clone().kl_to_mixture(mixing) * mixing
            + both.reverse_kl_to_mixture(1.0 - mixing) * (1.0 - mixing);
        Ok(self.softening.mean(signals, per_sample))
    }
}
