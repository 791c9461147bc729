//! The perceptron of the distillation paper: fully connected ReLU layers, dropout between them.
//!
//! Paper: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 3: 784-1200-1200-10 as teacher,
//! 784-800-800-10 as student. Dropout of the input and of the hidden units as Hinton et al. 2012,
//! arXiv:1207.0580, describe it.

use serde::{Deserialize, Serialize};

use super::{Family, Overrides, check_dropout, set};
use crate::{ModelError, graph::Builder, norm::NormKind};

/// Configuration of a perceptron.
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
}

impl Family for MlpConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.hidden, &mut overrides.hidden);
        set(&mut self.dropout, &mut overrides.dropout);
        set(&mut self.input_dropout, &mut overrides.input_dropout);
    }

    fn check(&self) -> Result<(), ModelError> {
        if self.hidden.len() > 1024 {
            return Err(ModelError::config("hidden", self.hidden.len(), "at most 1024 layers"));
        }
        if self.hidden.is_empty() || self.hidden.iter().any(|units| !(1..=65_536).contains(units)) {
            return Err(ModelError::config("hidden", &self.hidden, "layers of 1 to 65536 units"));
        }
        check_dropout("dropout", self.dropout)?;
        check_dropout("input_dropout", self.input_dropout)
    }

    fn norm(&self) -> Option<NormKind> {
        None
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let image = graph.image();
        let mut x = graph.flatten(image);
        x = graph.dropout(x, self.input_dropout);
        for (index, units) in self.hidden.iter().enumerate() {
            x = graph.linear(format!("hidden.{index}"), x, *units);
            x = graph.relu(x);
            graph.tap(format!("hidden{}", index + 1), x);
            x = graph.dropout(x, self.dropout);
        }
        graph.classifier("fc", x);
        Ok(())
    }
}
