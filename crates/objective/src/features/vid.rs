//! Variational information distillation (VID): the teacher's features are to be likely, given the student's.
//!
//! L = Σ_pairs mean_{b,c,h,w} ½·[ (μ(f_s) − f_t)²/σ² + log σ² ],  σ² = softplus(a) + 1e-5 for each channel of the teacher
//!
//! The negative log likelihood, in nats and without its constant, of a Gaussian whose mean μ, three 1x1
//! convolutions with ReLU between them, and variance are trained with the student. It may be below zero and
//! has no fixed value where both networks agree.
//!
//! Needs: features of both networks; of maps of two sizes the larger is averaged to the smaller. Paper: Ahn
//! et al. 2019, arXiv:1904.05835, section 2. Reference: RepDistiller's `VID.py`, with its initial variance of
//! 5.

use burn::{
    module::Param,
    tensor::{Tensor, activation::relu},
};

use super::maps::at_smaller_size;
use crate::{
    ConfigError, Connector, Conv, Initial, Inputs, Layer, Places, Rule, SignalError, Term,
    TermInfo, config::config, series::change,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "vid",
    formula: "Σ mean ½((μ(f_s) − f_t)²/σ² + log σ²)",
    needs: "features, trains regressors",
    source: "Ahn et al. 2019, arXiv:1904.05835 (VID)",
};

config! {
    /// Configuration of [`Vid`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | all pairs with maps of one size | pairs of [student, teacher] |
    /// | `weight` | 1 | `[0, ∞)` |
    VidConfig {
        taps,
        weight = 1.0,
    }
}

impl VidConfig {
    /// Makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Vid, ConfigError> {
        Ok(Vid { taps: self.taps.clone() })
    }
}

/// Negative log likelihood of the teacher's features.
#[derive(Debug, Clone)]
pub struct Vid {
    taps: Vec<[String; 2]>,
}

/// The variance is never below.
const SMALLEST_VARIANCE: f64 = 1e-5;
const INITIAL_VARIANCE: f64 = 5.0;

impl Term for Vid {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::SameSize))
    }

    fn connect(
        &self,
        dry_run: Inputs<'_>,
        initial: &mut Initial,
    ) -> Result<Option<Connector>, SignalError> {
        let parts = dry_run.features.iter().map(|pair| gaussian(pair, initial));
        Ok(Some(Connector { parts: parts.collect() }))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        inputs.sum_connected(INFO.name, |pair, layers| {
            let [Layer::Conv(a), Layer::Conv(b), Layer::Conv(c), Layer::Vector(scale)] = layers
            else {
                return None;
            };
            let [student, teacher] = at_smaller_size(pair);
            let mean = c.forward(relu(b.forward(relu(a.forward(student)))));
            let gap = (mean - teacher).powi_scalar(2);
            let variance = variance(scale.val());
            Some(((gap / variance.clone()).mean() + variance.log().mean()) * 0.5)
        })
    }
}

/// A Gaussian of the teacher's features, given the student's: three layers of its mean, and `a` of its variance,
/// `[channels]`.
fn gaussian([student, teacher]: &[Tensor<4>; 2], initial: &mut Initial) -> Vec<Layer> {
    let ([_, from, ..], [_, to, ..]) = (student.dims(), teacher.dims());
    let sizes = [[from, to], [to, to], [to, to]];
    let mean = sizes.map(|[from, to]| Layer::Conv(Conv::pixelwise(from, to, initial)));
    let scale = (INITIAL_VARIANCE - SMALLEST_VARIANCE).exp_m1().ln();
    let scale = Layer::Vector(Param::from_tensor(initial.constant([to], scale)));
    mean.into_iter().chain([scale]).collect()
}

/// σ² of `a`, `[channels]` to `[1, channels, 1, 1]`.
fn variance(a: Tensor<1>) -> Tensor<4> {
    let [channels] = a.dims();
    // log(1 + exp(a)) without overflow. Neither part has the derivative, exp(a)/(1 + exp(a)), at zero.
    let at = a.clone().detach();
    let small = (-at.clone().abs()).exp();
    let value = at.clone().clamp_min(0.0) + small.clone().log1p();
    let derivative = at.clamp_max(0.0).exp() / (small + 1.0);
    let softplus = value + change(a) * derivative;
    (softplus + SMALLEST_VARIANCE).reshape([1, channels, 1, 1])
}
