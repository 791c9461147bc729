//! Neuron selectivity transfer (NST): which pixels the channels of a network answer to, as a distribution.
//!
//! L = Σ_pairs mean k(t,t) + mean k(s,s) − 2·mean k(s,t),  k(a,b) = (a·b)²,  channels as vectors of norm 1 over the pixels
//!
//! The squared maximum mean discrepancy with a polynomial kernel, means over the batch and all pairs of
//! channels. It is ‖Σ_i s_i·s_iᵀ − Σ_i t_i·t_iᵀ‖² of vectors over the root of their number, and the difference of
//! two such products is ½(d·eᵀ + e·dᵀ) for d = s_i − t_i and e = s_i + t_i: so it its value is computed from differences,
//! and does not cancel where both networks are alike.
//!
//! Needs: features of both networks; of maps of two sizes the larger is averaged to the smaller. Paper: Huang
//! and Wang 2017, arXiv:1707.01219, section 4. Reference: RepDistiller's `NST.py` with the full loss.

use burn::tensor::Tensor;

use super::maps::{at_smaller_size, unit};
use crate::{
    ConfigError, Inputs, Places, Rule, SignalError, Term, TermInfo, config::config, series::change,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "nst",
    formula: "Σ mean k(t,t) + mean k(s,s) − 2·mean k(s,t),  k(a,b) = (a·b)²",
    needs: "features",
    source: "Huang and Wang 2017, arXiv:1707.01219 (NST)",
};

config! {
    /// Configuration of [`Nst`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | all pairs with maps of one size | pairs of [student, teacher] |
    /// | `weight` | 50 | `[0, ∞)` |
    NstConfig {
        taps,
        weight = 50.0,
    }
}

impl NstConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Nst, ConfigError> {
        Ok(Nst { taps: self.taps.clone() })
    }
}

/// Discrepancy of the channels' selectivity.
#[derive(Debug, Clone)]
pub struct Nst {
    taps: Vec<[String; 2]>,
}

impl Term for Nst {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::SameSize))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        Ok(inputs.sum(|pair| {
            let [student, teacher] = at_smaller_size(pair).map(channels);
            let value = exact(student.clone().detach(), teacher.clone());
            let plain = kernel(&student, &student).mean() - kernel(&student, &teacher).mean() * 2.0;
            value + change(plain)
        }))
    }
}

/// Channels as vectors of norm 1, `[batch, channels, height · width]`.
fn channels(map: Tensor<4>) -> Tensor<3> {
    let [batch, channels, height, width] = map.dims();
    unit(map.reshape([batch, channels, height * width]), 2)
}

/// k of all pairs of channels, `[batch, channels of a, channels of b]`.
fn kernel(a: &Tensor<3>, b: &Tensor<3>) -> Tensor<3> {
    products(a, b).powi_scalar(2)
}

/// The discrepancy without a gradient: the kernels' means cancel where both networks are alike, and a channel of zeros
/// has no gradient but in that form.
fn exact(student: Tensor<3>, teacher: Tensor<3>) -> Tensor<1> {
    let count = student.dims()[1].max(teacher.dims()[1]);
    let [student, teacher] = [student, teacher].map(|vectors| weighed(vectors, count));
    let (apart, both) = (student.clone() - teacher.clone(), student + teacher);
    let squares = products(&apart, &apart) * products(&both, &both)
        + products(&apart, &both) * products(&both, &apart);
    squares.sum_dim(2).sum_dim(1).mean() * 0.5
}

/// Vectors divided by the root of their number, so that sums of their kernels are means, and zeros up to `count`.
fn weighed(vectors: Tensor<3>, count: usize) -> Tensor<3> {
    let [batch, channels, places] = vectors.dims();
    let vectors = vectors * (channels as f64).sqrt().recip();
    if count == channels {
        return vectors;
    }
    let shape = [batch, count - channels, places];
    let none = Tensor::zeros(shape, (&vectors.device(), vectors.dtype()));
    Tensor::cat(vec![vectors, none], 1)
}

/// Products of all pairs of channels, `[batch, channels of a, channels of b]`.
fn products(a: &Tensor<3>, b: &Tensor<3>) -> Tensor<3> {
    a.clone().matmul(b.clone().transpose())
}
