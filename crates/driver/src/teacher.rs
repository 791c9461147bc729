//! The teacher: in evaluation mode and outside autodiff, here and nowhere else.

use burn::{module::Module, tensor::Tensor};
use distill_models::Network;

use crate::View;

/// A frozen network that answers with logits.
#[derive(Debug)]
pub struct Teacher {
    network: Network,
    view: View,
}

impl Teacher {
    /// Freezes `network`: dropout off, running statistics fixed, no gradients.
    pub fn new(network: &Network, view: View) -> Self {
        Self { network: network.valid(), view }
    }

    /// Logits of a batch, without a gradient: the teacher looks at the student's images in its own way.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`, pixels as fractions in `[0, 1]`
    /// - output: `[batch, classes]`, on the plain device
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.network.forward(self.view.apply(images.without_autodiff()))
    }
}
