use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, CrossEntropyConfig, DecoupledConfig, DistConfig, JensenShannonConfig,
    LogitMseConfig, ReverseKlConfig, SkewedKlConfig, SoftTargetsConfig, Term,
};

/// One weighted term as a recipe writes it: `{ term = "soft-targets", temperature = 5, weight = 0.4 }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "term", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TermConfig {
    /// Cross entropy with the labels.
    CrossEntropy(CrossEntropyConfig),
    /// Hinton's soft targets.
    SoftTargets(SoftTargetsConfig),
    /// Squared distance of logits.
    LogitMse(LogitMseConfig),
    /// Decoupled knowledge distillation.
    Decoupled(DecoupledConfig),
    /// Correlations over classes and samples.
    Dist(DistConfig),
    /// Divergence of the teacher from the student.
    ReverseKl(ReverseKlConfig),
    /// Generalised Jensen-Shannon divergence.
    JensenShannon(JensenShannonConfig),
    /// Divergence from a mixture of both.
    SkewedKl(SkewedKlConfig),
}

impl TermConfig {
    /// Factor of the term in the sum.
    pub fn weight(&self) -> f64 {
        match self {
            Self::CrossEntropy(config) => config.weight,
            Self::SoftTargets(config) => config.weight,
            Self::LogitMse(config) => config.weight,
            Self::Decoupled(config) => config.weight,
            Self::Dist(config) => config.weight,
            Self::ReverseKl(config) => config.weight,
            Self::JensenShannon(config) => config.weight,
            Self::SkewedKl(config) => config.weight,
        }
    }

    /// Checks all ranges, the weight's too, and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<Box<dyn Term>, ConfigError> {
        let weight = self.weight();
        if !(0.0..=1e9).contains(&weight) {
            return Err(ConfigError::new("weight", weight, "a number from 0 to 1e9"));
        }
        Ok(match self {
            Self::CrossEntropy(config) => Box::new(config.build()?),
            Self::SoftTargets(config) => Box::new(config.build()?),
            Self::LogitMse(config) => Box::new(config.build()?),
            Self::Decoupled(config) => Box::new(config.build()?),
            Self::Dist(config) => Box::new(config.build()?),
            Self::ReverseKl(config) => Box::new(config.build()?),
            Self::JensenShannon(config) => Box::new(config.build()?),
            Self::SkewedKl(config) => Box::new(config.build()?),
        })
    }
}

pub(crate) fn one() -> f64 {
    1.0
}
