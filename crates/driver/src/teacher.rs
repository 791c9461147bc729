//! The teacher: in evaluation mode and outside autodiff, here and nowhere else.

use burn::{module::Module, tensor::Tensor};
use distill_models::{Graph, Network, Tap};

use crate::{DriverError, View};

/// A frozen network that answers with logits, and with features where it is asked.
#[derive(Debug, Clone)]
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

    /// The same logits, and the features that are [watched](Self::watch).
    pub fn answers(&self, images: Tensor<4>) -> (Tensor<2>, Vec<Tap>) {
        self.network.forward_with_taps(self.view.apply(images.without_autodiff()))
    }

    /// Names the features that it answers with.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the network has not.
    pub fn watch(&mut self, taps: &[&str]) -> Result<(), DriverError> {
        self.network = self.network.clone().watching(taps)?;
        Ok(())
    }

    /// Its layers and taps.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }
}
