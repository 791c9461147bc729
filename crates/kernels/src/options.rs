//! The options of convolutions and norms.

use burn::tensor::Tensor;

use crate::{Activation, FeatureMaps};

/// How a square window moves over the maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvOptions {
    /// Step, at least 1.
    pub stride: usize,
    /// Zeros on every side.
    pub padding: usize,
    /// Groups of channels that do not see one another.
    pub groups: usize,
}

/// Which statistics a norm uses.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "one is made a layer, and lives as long as a call")]
pub enum Statistics {
    /// The batch's own, through which gradients flow.
    OfBatch,
    /// These means and variances, `[channels]` each.
    Given(Tensor<1>, Tensor<1>),
}

/// What follows a norm: pool(activation(norm(x) + residual)).
#[derive(Debug, Clone, Default)]
pub struct After {
    /// Added to the norm's output; of the same sizes. Not together with pooling.
    pub residual: Option<FeatureMaps>,
    /// The nonlinearity.
    pub activation: Activation,
    /// Whether the largest of each 2x2 pixels is kept. A last odd row and column are left out.
    pub pool: bool,
}
