//! The perceptron of the distillation paper: fully connected ReLU layers, dropout between them.
//!
//! Paper: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 3: 784-1200-1200-10 as teacher,
//! 784-800-800-10 as student. Dropout of the input and of the hidden units as Hinton et al. 2012,
//! arXiv:1207.0580, describe it.

use burn::{
    module::Module,
    nn::{Dropout, DropoutConfig, Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use serde::{Deserialize, Serialize};

use crate::{Cost, ModelError, Signature, taps::Recorder};

/// Configuration of an [`Mlp`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MlpConfig {
    /// Units of each hidden layer.
    pub hidden: Vec<usize>,
    /// Probability of dropout of hidden units, in `[0, 1)`.
    pub dropout: f64,
    /// Probability of dropout of input pixels, in `[0, 1)`.
    pub input_dropout: f64,
}

impl MlpConfig {
    /// Two hidden layers of `units` each, without dropout.
    pub fn of_width(units: usize) -> Self {
        Self { hidden: vec![units, units], dropout: 0.0, input_dropout: 0.0 }
    }

    /// Checks the ranges of the fields.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check_fields(&self) -> Result<(), ModelError> {
        if self.hidden.len() > 1024 {
            return Err(ModelError::config("hidden", self.hidden.len(), "at most 1024 layers"));
        }
        if self.hidden.is_empty() || self.hidden.iter().any(|units| !(1..=65_536).contains(units)) {
            return Err(ModelError::config("hidden", &self.hidden, "layers of 1 to 65536 units"));
        }
        for (field, value) in [("dropout", self.dropout), ("input_dropout", self.input_dropout)] {
            if !(0.0..1.0).contains(&value) {
                return Err(ModelError::config(field, value, "a number in [0, 1)"));
            }
        }
        Ok(())
    }

    /// Parameters and multiply-accumulates.
    pub fn cost(&self, signature: &Signature) -> Cost {
        let mut cost = Cost::zero();
        for (inputs, outputs) in self.layers(signature) {
            cost += Cost::linear(inputs, outputs);
        }
        cost
    }

    fn layers(&self, signature: &Signature) -> impl Iterator<Item = (usize, usize)> {
        let pixels = signature.channels * signature.height * signature.width;
        let inputs = [pixels].into_iter().chain(self.hidden.clone());
        inputs.zip(self.hidden.clone().into_iter().chain([signature.classes]))
    }

    pub(crate) fn init(&self, signature: &Signature, device: &Device) -> Mlp {
        let dropout = |p: f64| (p > 0.0).then(|| DropoutConfig::new(p).init());
        let layer = |(inputs, outputs)| LinearConfig::new(inputs, outputs).init(device);
        let mut hidden: Vec<Linear> = self.layers(signature).map(layer).collect();
        let fc = hidden.pop().expect("the output layer is always there");
        Mlp {
            input_dropout: dropout(self.input_dropout),
            hidden,
            dropout: dropout(self.dropout),
            fc,
        }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Mlp {
    input_dropout: Option<Dropout>,
    hidden: Vec<Linear>,
    dropout: Option<Dropout>,
    fc: Linear,
}

impl Mlp {
    pub(crate) fn forward(&self, images: Tensor<4>, taps: &mut Recorder) -> Tensor<2> {
        let mut x: Tensor<2> = images.flatten(1, 3);
        if let Some(dropout) = &self.input_dropout {
            x = dropout.forward(x);
        }
        for (index, layer) in self.hidden.iter().enumerate() {
            x = relu(layer.forward(x));
            let [batch, units] = x.dims();
            taps.record(
                || format!("hidden{}", index + 1),
                &x.clone().reshape([batch, units, 1, 1]),
            );
            if let Some(dropout) = &self.dropout {
                x = dropout.forward(x);
            }
        }
        self.fc.forward(x)
    }
}
