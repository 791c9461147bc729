//! Hints (FitNets): the student's features, through a regressor, are to be the teacher's.
//!
//! L = Σ_pairs mean_{b,c,h,w} (r(f_s) − f_t)²,  r = ReLU(BN(conv(·)))
//!
//! The regressor is trained with the student. Its convolution fits the sizes: 3x3 with stride 2 where the
//! student's map is twice as large, a transposed 4x4 where it is half as large, and else one without padding
//! that is as large as the difference, 1x1 for equal maps.
//!
//! Needs: features of both networks behind their activations. Paper: Romero et al. 2015, arXiv:1412.6550,
//! section 2.2, which trains with hints alone first: `weight = { to = 100, last = 5 }`. Reference:
//! RepDistiller's `HintLoss` and `ConvReg`, with the hint beside the other losses. The norm uses the
//! statistics of the batch, for the regressor lives in training alone.

use burn::tensor::{Tensor, activation::relu};

use super::maps::check_norm;
use crate::{
    ConfigError, Connector, Conv, Initial, Inputs, Layer, Norm, Places, Rule, SignalError, Term,
    TermInfo, config::config,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "hint",
    formula: "Σ mean (ReLU(BN(conv(f_s))) − f_t)²",
    needs: "features, trains regressors",
    source: "Romero et al. 2015, arXiv:1412.6550 (FitNets)",
};

config! {
    /// Configuration of [`Hint`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | the middle one of the pairs with maps of one size | pairs of [student, teacher] |
    /// | `weight` | 100 | `[0, ∞)` |
    HintConfig {
        taps,
        weight = 100.0,
    }
}

impl HintConfig {
    /// Makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Hint, ConfigError> {
        Ok(Hint { taps: self.taps.clone() })
    }
}

/// Squared distance of features behind a regressor.
#[derive(Debug, Clone)]
pub struct Hint {
    taps: Vec<[String; 2]>,
}

impl Term for Hint {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Middle))
    }

    fn connect(
        &self,
        dry_run: Inputs<'_>,
        initial: &mut Initial,
    ) -> Result<Option<Connector>, SignalError> {
        let parts = dry_run.features.iter().map(|pair| regressor(pair, initial));
        Ok(Some(Connector { parts: parts.collect::<Result<_, _>>()? }))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        inputs.features.iter().try_for_each(|[_, teacher]| check_norm(INFO.name, teacher))?;
        inputs.sum_connected(INFO.name, |[student, teacher], layers| {
            let [Layer::Conv(conv), Layer::Norm(norm)] = layers else { return None };
            let guess = relu(norm.forward(conv.forward(student)));
            Some((guess - teacher).powi_scalar(2).mean())
        })
    }
}

/// What makes the student's features comparable: convolution, norm, ReLU.
fn regressor(
    [student, teacher]: &[Tensor<4>; 2],
    initial: &mut Initial,
) -> Result<Vec<Layer>, SignalError> {
    let ([_, from, h_s, w_s], [_, to, h_t, w_t]) = (student.dims(), teacher.dims());
    let conv = if (h_s, w_s) == (2 * h_t, 2 * w_t) {
        Conv::new([to, from, 3, 3], 2, 1, initial).with_bias(initial)
    } else if (2 * h_s, 2 * w_s) == (h_t, w_t) {
        Conv::doubling(from, to, initial)
    } else if h_s >= h_t && w_s >= w_t {
        let window = [to, from, 1 + h_s - h_t, 1 + w_s - w_t];
        Conv::new(window, 1, 0, initial).with_bias(initial)
    } else {
        return Err(SignalError::Features {
            term: INFO.name,
            student: student.dims(),
            teacher: teacher.dims(),
            expected: "a student's map at least as large as the teacher's, or half as large",
        });
    };
    Ok(vec![Layer::Conv(conv), Layer::Norm(Norm::new(to, initial))])
}
