//! Correlation congruence (CC): how samples of a batch relate, through a kernel that sees higher orders.
//!
//! L = Σ_pairs mean_{i,j} (K_s − K_t)²,  K(i,j) = Σ_{p=0..P} exp(−2γ) (2γ)^p/p! (f_i·f_j)^p
//!
//! K is the Taylor series of a Gaussian kernel between vectors of norm 1, f the features averaged over the
//! map.
//!
//! Needs: features of both networks, of any sizes. Paper: Peng et al. 2019, arXiv:1904.01802, section 3.2.
//! Reference: `cc.py` of Knowledge-Distillation-Zoo. RepDistiller's `Correlation` is another loss, of
//! differences between neighbours in the batch behind trained projections.

use burn::tensor::Tensor;

use super::maps::{pooled, products, unit};
use crate::{ConfigError, Inputs, Places, Rule, SignalError, Term, TermInfo, config::config};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "correlation",
    formula: "Σ mean_ij (K_s − K_t)²,  K = Σ_p e^−2γ (2γ)^p/p! (f_i·f_j)^p",
    needs: "features",
    source: "Peng et al. 2019, arXiv:1904.01802 (CC)",
};

config! {
    /// Configuration of [`Correlation`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | the deepest of each | pairs of [student, teacher] |
    /// | `gamma` | 0.4 | `(0, 10]` |
    /// | `order` | 2 | from 1 to 16 |
    /// | `weight` | 100 | `[0, ∞)` |
    CorrelationConfig {
        taps,
        /// Width γ of the kernel.
        gamma: f64 = 0.4,
        /// Order P of the series.
        order: usize = 2,
        weight = 100.0,
    }
}

impl CorrelationConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<Correlation, ConfigError> {
        let (gamma, order) = (self.gamma, self.order);
        if !(gamma > 0.0 && gamma <= 10.0) {
            return Err(ConfigError::new("gamma", gamma, "a number above 0, up to 10"));
        }
        if !(1..=16).contains(&order) {
            return Err(ConfigError::new("order", order, "from 1 to 16"));
        }
        Ok(Correlation { taps: self.taps.clone(), gamma, order })
    }
}

/// Squared distance of the samples' correlations.
#[derive(Debug, Clone)]
pub struct Correlation {
    taps: Vec<[String; 2]>,
    gamma: f64,
    order: usize,
}

impl Term for Correlation {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Deepest))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        Ok(inputs.sum(|pair| {
            let [student, teacher] = pair.map(|map| self.kernel(map));
            (student - teacher).powi_scalar(2).mean()
        }))
    }
}

impl Correlation {
    /// Correlations of all pairs of samples, `[batch, batch]`.
    fn kernel(&self, map: Tensor<4>) -> Tensor<2> {
        let alike = products(unit(pooled(map), 1));
        // Horner's scheme, from the highest order down.
        let mut series = alike.ones_like();
        for p in (1..=self.order).rev() {
            series = series * alike.clone() * (2.0 * self.gamma / p as f64) + 1.0;
        }
        series * (-2.0 * self.gamma).exp()
    }
}
