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
    module::{Module, Param},
    tensor::{Tensor, activation::relu},
};
use rand_core::RngCore;
use serde::{Deserialize, Serialize};

use super::maps::at_smaller_size;
use crate::{
    ConfigError, Connector, Inputs, Places, Rule, Schedule, SignalError, Term, TermInfo,
    connect::Conv, term::sum,
};

const NAME: &str = "vid";

pub(crate) const INFO: TermInfo = TermInfo {
    name: NAME,
    formula: "Σ mean ½((μ(f_s) − f_t)²/σ² + log σ²)",
    needs: "features, trains regressors",
    source: "Ahn et al. 2019, arXiv:1904.05835 (VID)",
};

/// Configuration of [`Vid`].
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `taps` | all pairs with maps of one size | pairs of [student, teacher] |
/// | `weight` | 1 | `[0, ∞)` |
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct VidConfig {
    /// Names of the features that are compared, [student, teacher].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taps: Vec<[String; 2]>,
    /// Factor of this term in the sum.
    #[serde(default = "crate::config::one")]
    pub weight: Schedule,
}

impl Default for VidConfig {
    fn default() -> Self {
        Self { taps: Vec::new(), weight: crate::config::one() }
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

/// A Gaussian of the teacher's features, given the student's.
#[derive(Module, Debug)]
pub struct Variational {
    mean: Vec<Conv>,
    /// `a` of the variance, `[channels]`.
    scale: Param<Tensor<1>>,
}

/// The variance is never below.
const SMALLEST_VARIANCE: f64 = 1e-5;
const INITIAL_VARIANCE: f64 = 5.0;

impl Variational {
    fn new([student, teacher]: &[Tensor<4>; 2], rng: &mut dyn RngCore) -> Self {
        let device = &student.device();
        let ([_, from, ..], [_, to, ..]) = (student.dims(), teacher.dims());
        let mean = [[from, to], [to, to], [to, to]];
        let mean = mean.map(|[from, to]| Conv::pixelwise(from, to, rng, device)).into();
        let scale = (INITIAL_VARIANCE - SMALLEST_VARIANCE).exp_m1().ln();
        let scale = Param::from_tensor(Tensor::full([to], scale, device));
        Self { mean, scale }
    }

    fn mean(&self, features: Tensor<4>) -> Tensor<4> {
        let (last, first) = self.mean.split_last().expect("three layers");
        let hidden = first.iter().fold(features, |x, conv| relu(conv.forward(x)));
        last.forward(hidden)
    }

    /// `[1, channels, 1, 1]`.
    fn variance(&self) -> Tensor<4> {
        let a = self.scale.val();
        let [channels] = a.dims();
        // log(1 + exp(a)) without overflow.
        let softplus = relu(a.clone()) + ((-a.abs()).exp() + 1.0).log();
        (softplus + SMALLEST_VARIANCE).reshape([1, channels, 1, 1])
    }
}

impl Term for Vid {
    fn name(&self) -> &'static str {
        NAME
    }

    fn formula(&self) -> String {
        NAME.to_owned()
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::SameSize))
    }

    fn connect(
        &self,
        dry_run: Inputs<'_>,
        rng: &mut dyn RngCore,
    ) -> Result<Option<Connector>, SignalError> {
        let connectors = dry_run.features.iter().map(|pair| Variational::new(pair, rng));
        Ok(Some(Connector::Vid(connectors.collect())))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let Some(Connector::Vid(connectors)) = inputs.connector else {
            return Err(SignalError::NoConnector { term: NAME });
        };
        let loss = |(pair, gaussian): ([Tensor<4>; 2], &Variational)| {
            let [student, teacher] = at_smaller_size(pair);
            let gap = (gaussian.mean(student) - teacher).powi_scalar(2);
            let variance = gaussian.variance();
            ((gap / variance.clone()).mean() + variance.log().mean()) * 0.5
        };
        Ok(sum(inputs.features.into_iter().zip(connectors.iter()).map(loss)))
    }
}
