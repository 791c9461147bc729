//! Similarity preserving distillation (SP): which samples of a batch a network finds alike.
//!
//! L = Σ_pairs (1/B²) ‖G_s − G_t‖²,  G = rows of F·Fᵀ with norm 1,  F = features `[batch, channels · height · width]`
//!
//! Needs: features of both networks, of any sizes. Paper: Tung and Mori 2019, arXiv:1907.09682, section 3.1.
//! Reference: RepDistiller's `SP.py`.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::maps::{flat, products, unit};
use crate::{ConfigError, Inputs, Places, Rule, Schedule, SignalError, Term, TermInfo};

const NAME: &str = "similarity";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "Σ (1/B²) ‖G_s − G_t‖²,  G = F·Fᵀ with rows of norm 1",
    needs: "features",
    source: "Tung and Mori 2019, arXiv:1907.09682 (SP)",
};

/// Configuration of [`Similarity`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `taps` | the deepest of each | pairs of [student, teacher] |
/// | `weight` | 3000 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SimilarityConfig {
    /// Names of the features that are compared, [student, teacher].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taps: Vec<[String; 2]>,
    /// Factor of this term in the sum.
    #[serde(default = "weight")]
    pub weight: Schedule,
}

fn weight() -> Schedule {
    Schedule::constant(3000.0)
}

impl Default for SimilarityConfig {
    fn default() -> Self {
        Self { taps: Vec::new(), weight: weight() }
    }
}

impl SimilarityConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Similarity, ConfigError> {
        Ok(Similarity { taps: self.taps.clone() })
    }
}

/// Squared distance of the samples' similarities.
#[derive(Debug, Clone)]
pub struct Similarity {
    taps: Vec<[String; 2]>,
}

impl Term for Similarity {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        NAME.to_owned()
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Deepest))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let loss = |pair: [Tensor<4>; 2]| {
            let [student, teacher] = pair.map(|map| unit(products(flat(map)), 1));
            (student - teacher).powi_scalar(2).mean()
        };
        Ok(inputs.sum(loss))
    }
}
