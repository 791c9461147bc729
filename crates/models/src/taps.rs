//! Features of a network at named places.

use burn::tensor::Tensor;

/// Features of a network at a named place, `[batch, channels, height, width]`; a perceptron's are
/// `[batch, units, 1, 1]`.
#[derive(Debug, Clone)]
pub struct Tap {
    /// Place in the network: `block1`, `layer2`, `hidden2`.
    pub name: String,
    /// The features.
    pub features: Tensor<4>,
}
