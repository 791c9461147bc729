//! Batch normalisation in its two kinds.

use burn::{
    module::{Module, Param},
    nn::{BatchNorm, BatchNormConfig},
    tensor::{Device, Tensor},
};
use distill_kernels::{After, FeatureMaps, Statistics, batch_norm};
use serde::{Deserialize, Serialize};

/// Which statistics a batch norm uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum NormKind {
    /// The batch's while training, their running averages afterwards: what can be shipped.
    #[default]
    Running,
    /// The batch's always, as in the labml.ai tutorial (`track_running_stats=False`). The answer for
    /// one image then depends on the images beside it.
    Batch,
}

/// A batch norm of either kind.
#[derive(Module, Debug)]
pub enum Norm {
    /// With running averages.
    Running(BatchNorm),
    /// With the batch's statistics always.
    Batch(BatchStatNorm),
}

impl Norm {
    pub(crate) fn init(kind: NormKind, channels: usize, epsilon: f64, device: &Device) -> Self {
        match kind {
            NormKind::Running => {
                let config = BatchNormConfig::new(channels).with_epsilon(epsilon);
                Self::Running(config.init(device))
            }
            NormKind::Batch => Self::Batch(BatchStatNorm {
                gamma: Param::from_tensor(Tensor::ones([channels], device)),
                beta: Param::from_tensor(Tensor::zeros([channels], device)),
                epsilon,
            }),
        }
    }

    /// # Shapes
    /// - `x` and output: `[batch, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.forward_then(FeatureMaps::new(x), After::default()).into_tensor()
    }

    /// The norm and what follows it.
    pub(crate) fn forward_then(&self, x: FeatureMaps, after: After) -> FeatureMaps {
        match self {
            Self::Running(norm) if x.is_autodiff() && norm.training.is_enabled() => {
                train(norm, x, after)
            }
            Self::Running(norm) => {
                let (gamma, beta, statistics, epsilon) = given(norm);
                batch_norm(x, gamma, beta, statistics, epsilon, after).0
            }
            Self::Batch(norm) => {
                let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
                batch_norm(x, gamma, beta, Statistics::OfBatch, norm.epsilon, after).0
            }
        }
    }

    /// Scale, shift, statistics and epsilon of a norm that does not look at the batch.
    pub(crate) fn given(&self) -> Option<(Tensor<1>, Tensor<1>, Statistics, f64)> {
        match self {
            Self::Running(norm) => Some(given(norm)),
            Self::Batch(_) => None,
        }
    }
}

fn given(norm: &BatchNorm) -> (Tensor<1>, Tensor<1>, Statistics, f64) {
    let statistics = Statistics::Given(norm.running_mean.value(), norm.running_var.value());
    (norm.gamma.val(), norm.beta.val(), statistics, norm.epsilon)
}

/// By the batch's statistics, which move the running ones: as Burn's own norm, with the biased
/// variance.
fn train(norm: &BatchNorm, x: FeatureMaps, after: After) -> FeatureMaps {
    let (gamma, beta) = (norm.gamma.val(), norm.beta.val());
    let (y, used) = batch_norm(x, gamma, beta, Statistics::OfBatch, norm.epsilon, after);
    let (mean, variance) = used.expect("they are the batch's");
    for (running, seen) in [(&norm.running_mean, mean), (&norm.running_var, variance)] {
        let before = running.value_sync().to_device(&seen.device());
        let kept = before.mul_scalar(1.0 - norm.momentum);
        running.update(kept.add(seen.detach().mul_scalar(norm.momentum)).detach());
    }
    y
}

/// Batch norm that always uses the statistics of the batch at hand, in evaluation too.
#[derive(Module, Debug)]
pub struct BatchStatNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl BatchStatNorm {
    /// # Shapes
    /// - `x` and output: `[batch, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (gamma, beta) = (self.gamma.val(), self.beta.val());
        let (x, after) = (FeatureMaps::new(x), After::default());
        let (y, _) = batch_norm(x, gamma, beta, Statistics::OfBatch, self.epsilon, after);
        y.into_tensor()
    }
}
