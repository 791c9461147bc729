//! Probabilistic knowledge transfer (PKT): how likely each sample is another one's neighbour.
//!
//! L = Σ_pairs mean_{i,j} q_t log(q_t / q_s),  q(i,·) ∝ (1 + cos(f_i, f_j)) / 2,  f = features averaged over the map
//!
//! Needs: features of both networks, of any sizes. Paper: Passalis and Tefas 2018, arXiv:1803.10837, section
//! 3. Reference: RepDistiller's `PKT.py`, with its ε = 1e-7 beside norms and probabilities; the mean over all
//! B² pairs makes its usual weight so large.

use burn::tensor::Tensor;

use super::maps::{pooled, products, unit_beside};
use crate::{ConfigError, Inputs, Places, Rule, SignalError, Term, TermInfo, config::config};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "pkt",
    formula: "Σ mean_ij q_t log(q_t/q_s),  q(i,·) ∝ (1 + cos(f_i, f_j))/2",
    needs: "features",
    source: "Passalis and Tefas 2018, arXiv:1803.10837 (PKT)",
};

const EPSILON: f64 = 1e-7;

config! {
    /// Configuration of [`Pkt`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | the deepest of each | pairs of [student, teacher] |
    /// | `weight` | 30000 | `[0, ∞)` |
    PktConfig {
        taps,
        weight = 30000.0,
    }
}

impl PktConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Pkt, ConfigError> {
        Ok(Pkt { taps: self.taps.clone() })
    }
}

/// Divergence of neighbourhoods.
#[derive(Debug, Clone)]
pub struct Pkt {
    taps: Vec<[String; 2]>,
}

impl Term for Pkt {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Deepest))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        Ok(inputs.sum(|pair| {
            let [student, teacher] = pair.map(neighbours);
            let ratio = (teacher.clone() + EPSILON).log() - (student + EPSILON).log();
            (teacher * ratio).mean()
        }))
    }
}

/// Probabilities of a sample's neighbours, `[batch, batch]`.
fn neighbours(map: Tensor<4>) -> Tensor<2> {
    let alike = (products(unit_beside(pooled(map), 1, EPSILON)) + 1.0) * 0.5;
    let sum = alike.clone().sum_dim(1);
    alike / sum
}
