//! The teacher: in evaluation mode and outside autodiff, here and nowhere else.

use burn::{module::Module, tensor::Tensor};
use distill_models::Network;

/// A frozen network that answers with logits.
#[derive(Debug)]
pub struct Teacher {
    network: Network,
}

impl Teacher {
    /// Freezes `network`: dropout off, running statistics fixed, no gradients.
    pub fn new(network: &Network) -> Self {
        Self { network: network.valid() }
    }

    /// Logits of a batch, without a gradient.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`, normalised
    /// - output: `[batch, classes]`, on the plain device
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.network.forward(images.without_autodiff())
    }
}
