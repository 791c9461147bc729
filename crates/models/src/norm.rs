//! Batch normalisation in its two kinds.

use burn::{
    module::{Module, Param},
    nn::{BatchNorm, BatchNormConfig},
    tensor::{Device, Tensor, module::batch_norm_train},
};
use serde::{Deserialize, Serialize};

/// Which statistics a batch norm uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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
    pub(crate) fn init(kind: NormKind, channels: usize, device: &Device) -> Self {
        match kind {
            NormKind::Running => Self::Running(BatchNormConfig::new(channels).init(device)),
            NormKind::Batch => Self::Batch(BatchStatNorm {
                gamma: Param::from_tensor(Tensor::ones([channels], device)),
                beta: Param::from_tensor(Tensor::zeros([channels], device)),
                epsilon: 1e-5,
            }),
        }
    }

    /// # Shapes
    /// - `x` and output: `[batch, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Running(norm) => norm.forward(x),
            Self::Batch(norm) => norm.forward(x),
        }
    }
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
        batch_norm_train(x, self.gamma.val(), self.beta.val(), self.epsilon).output
    }
}
