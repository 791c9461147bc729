//! Similarity preserving distillation (SP): which samples of a batch a network finds alike.
//!
//! L = Σ_pairs (1/B²) ‖G_s − G_t‖²,  G = rows of F·Fᵀ with norm 1,  F = features `[batch, channels · height · width]`
//!
//! Needs: features of both networks, of any sizes. Paper: Tung and Mori 2019, arXiv:1907.09682, section 3.1.
//! Reference: RepDistiller's `SP.py`.

use burn::tensor::Tensor;

use super::maps::{flat, products, unit};
use crate::{
    ConfigError, Inputs, Places, Rule, SignalError, Term, TermInfo, config::config,
    range::squares_in_range,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "similarity",
    formula: "Σ (1/B²) ‖G_s − G_t‖²,  G = F·Fᵀ with rows of norm 1",
    needs: "features",
    source: "Tung and Mori 2019, arXiv:1907.09682 (SP)",
};

config! {
    /// Configuration of [`Similarity`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | the deepest of each | pairs of [student, teacher] |
    /// | `weight` | 3000 | `[0, ∞)` |
    SimilarityConfig {
        taps,
        weight = 3000.0,
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
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Deepest))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        Ok(inputs.sum(|pair| {
            let [student, teacher] = pair.map(|map| unit(products(squares_in_range(flat(map))), 1));
            (student - teacher).powi_scalar(2).mean()
        }))
    }
}
