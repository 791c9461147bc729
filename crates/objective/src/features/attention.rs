//! Attention transfer (AT): where a network looks, summed over its channels.
//!
//! L = Σ_pairs mean_{b,pixels} (A_s − A_t)²,  A(f) = a/‖a‖ over the pixels,  a = mean_c |f|^p
//!
//! Needs: features of both networks; of maps of two sizes the larger is averaged to the smaller. Paper:
//! Zagoruyko and Komodakis 2017, arXiv:1612.03928, section 3.1. Reference: RepDistiller's `AT.py`, which
//! takes the mean of squares over batch and pixels; the paper and torchdistill's `paper` mode take norms of
//! differences, at another scale.

use burn::tensor::Tensor;

use super::maps::{at_smaller_size, flat, unit};
use crate::{
    ConfigError, Inputs, Places, Rule, SignalError, Term, TermInfo, config::config,
    range::all_in_range,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "attention",
    formula: "Σ mean_{b,hw} (A_s − A_t)²,  A = a/‖a‖, a = mean_c |f|^p",
    needs: "features",
    source: "Zagoruyko and Komodakis 2017, arXiv:1612.03928 (AT)",
};

config! {
    /// Configuration of [`Attention`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | all pairs with maps of one size | pairs of [student, teacher] |
    /// | `power` | 2 | `[1, 8]` |
    /// | `weight` | 1000 | `[0, ∞)` |
    AttentionConfig {
        taps,
        /// The power p of the features.
        power: f64 = 2.0,
        weight = 1000.0,
    }
}

impl AttentionConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a power out of its range.
    pub fn build(&self) -> Result<Attention, ConfigError> {
        let power = self.power;
        if !(1.0..=8.0).contains(&power) {
            return Err(ConfigError::new("power", power, "a number from 1 to 8"));
        }
        Ok(Attention { taps: self.taps.clone(), power })
    }
}

/// Squared distance of attention maps.
#[derive(Debug, Clone)]
pub struct Attention {
    taps: Vec<[String; 2]>,
    power: f64,
}

impl Term for Attention {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::SameSize))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        Ok(inputs.sum(|pair| {
            let [student, teacher] = at_smaller_size(pair).map(|map| attention(map, self.power));
            (student - teacher).powi_scalar(2).mean()
        }))
    }
}

/// Attention of norm 1, `[batch, height · width]`.
fn attention(map: Tensor<4>, power: f64) -> Tensor<2> {
    let strength = match power {
        2.0 => map.powi_scalar(2),
        // Of norm 1 at any scale; the highest power of larger numbers leaves single precision.
        power => all_in_range(map, 1e4).abs().powf_scalar(power),
    };
    unit(flat(strength.mean_dim(1)), 1)
}
