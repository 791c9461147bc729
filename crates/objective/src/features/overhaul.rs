//! Overhaul of feature distillation (OFD): distances in front of the activation, behind a ReLU whose margin
//! is the teacher's.
//!
//! L = Σ_i 2^{−(n−1−i)} · mean_b Σ_{c,h,w} (x − t)²·[x > t or f_t > 0],  x = BN(conv1x1(f_s)),  t = max(f_t, m_c)
//!
//! m_c < 0: what the teacher's channel is on average where it is negative. Below zero the student need only
//! be as low as the margin, and lower costs nothing. Pairs i = 0..n−1 from shallow to deep: the deeper, the
//! heavier.
//!
//! Needs: features of both networks in front of their activations, with maps of one size. Paper: Heo et al.
//! 2019, arXiv:1904.01866, section 3. Reference: `clovaai/overhaul-distillation`, which derives the margins
//! from the teacher's batch norm; here they are the means of what is negative in the features that
//! [`Objective::connect`](crate::Objective::connect) is given, the paper's other way, which needs no norm.

use burn::{module::Param, tensor::Tensor};

use super::maps::check_norm;
use crate::{
    ConfigError, Connector, Conv, Initial, Inputs, Layer, Norm, Places, Rule, SignalError, Term,
    TermInfo, config::config, signals::as_type,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "overhaul",
    formula: "Σ_i 2^−(n−1−i)·mean_b Σ (x − t)²·[x > t or f_t > 0],  t = max(f_t, m)",
    needs: "features before activations, trains regressors",
    source: "Heo et al. 2019, arXiv:1904.01866 (OFD)",
};

config! {
    /// Configuration of [`Overhaul`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | pairs with maps of one size before the activation | pairs of [student, teacher], shallow to deep |
    /// | `weight` | 0.001 | `[0, ∞)` |
    OverhaulConfig {
        taps from shallow to deep,
        weight = 0.001,
    }
}

impl OverhaulConfig {
    /// Makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Overhaul, ConfigError> {
        Ok(Overhaul { taps: self.taps.clone() })
    }
}

/// Partial squared distance of features behind a margin.
#[derive(Debug, Clone)]
pub struct Overhaul {
    taps: Vec<[String; 2]>,
}

impl Term for Overhaul {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::BeforeActivation))
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
        inputs.features.iter().try_for_each(|[student, _]| check_norm(INFO.name, student))?;
        let shallower = inputs.features.len().saturating_sub(1);
        let mut factor = 0.5_f64.powi(shallower as i32);
        inputs.sum_connected(INFO.name, |[student, teacher], layers| {
            let [Layer::Conv(conv), Layer::Norm(norm), Layer::Vector(margin)] = layers else {
                return None;
            };
            let ours = norm.forward(conv.forward(student));
            let loss = distance(ours, teacher, margin.val().detach()) * factor;
            factor *= 2.0;
            Some(loss)
        })
    }
}

/// Convolution and norm of the student's features, and the teacher's margins, `[channels]`, which are not learnt.
fn regressor(
    [student, teacher]: &[Tensor<4>; 2],
    initial: &mut Initial,
) -> Result<Vec<Layer>, SignalError> {
    let ([_, from, h_s, w_s], [batch, to, h_t, w_t]) = (student.dims(), teacher.dims());
    if (h_s, w_s) != (h_t, w_t) {
        return Err(SignalError::Features {
            term: INFO.name,
            student: student.dims(),
            teacher: teacher.dims(),
            expected: "maps of one size",
        });
    }
    let values = teacher.clone().swap_dims(0, 1).reshape([to, batch * h_t * w_t]);
    let sum = values.clone().clamp_max(0.0).sum_dim(1);
    // A channel that is never negative has no margin, and needs none.
    let negative = as_type(values.lower_elem(0.0).float(), sum.dtype());
    let margin = sum / negative.sum_dim(1).clamp_min(1.0);
    let margin = Param::from_tensor(margin.reshape([to])).set_require_grad(false);
    Ok(vec![
        Layer::Conv(Conv::pixelwise(from, to, initial)),
        Layer::Norm(Norm::new(to, initial)),
        Layer::Vector(margin),
    ])
}

/// Distances to what is to be reached, summed over a sample, mean over the batch, `[1]`.
fn distance(ours: Tensor<4>, teacher: Tensor<4>, margin: Tensor<1>) -> Tensor<1> {
    let [batch, channels, ..] = teacher.dims();
    let margin = margin.reshape([1, channels, 1, 1]);
    let target = teacher.clone().max_pair(margin.expand(teacher.dims()));
    let above = ours.clone().detach().greater(target.clone());
    let counts = above.bool_or(teacher.greater_elem(0.0));
    let counts = as_type(counts.float(), ours.dtype());
    (ours - target).powi_scalar(2).mul(counts).sum() * (batch as f64).recip()
}
