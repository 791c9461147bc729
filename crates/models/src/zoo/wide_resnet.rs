//! Wide residual networks for CIFAR: norm and ReLU stand before each convolution.
//!
//! Paper: Zagoruyko and Komodakis 2016, arXiv:1605.07146: depth 6n + 4, widths 16, 16k, 32k, 64k.
//! Reference for the names: RepDistiller's `models/wrn.py`.

use serde::{Deserialize, Serialize};

use super::{Family, Initial, Overrides, check_dropout, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value},
    norm::NormKind,
};

/// Configuration of a wide residual network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WideResNetConfig {
    /// Layers, 6n + 4.
    pub depth: usize,
    /// How many times wider than 16, 32 and 64 channels.
    pub widen: usize,
    /// Probability of dropout between the two convolutions of a block, in `[0, 1)`.
    pub dropout: f64,
    /// Kind of batch norm.
    pub norm: NormKind,
}

impl WideResNetConfig {
    /// `wrn-DEPTH-WIDEN`, without dropout.
    pub fn new(depth: usize, widen: usize) -> Self {
        Self { depth, widen, dropout: 0.0, norm: NormKind::Running }
    }

    fn block(
        &self,
        graph: &mut Builder,
        name: &str,
        x: Value,
        outputs: usize,
        stride: usize,
    ) -> Value {
        let normed = graph.norm(format!("{name}.bn1"), x);
        let normed = graph.relu(normed);
        let names = [format!("{name}.conv1"), format!("{name}.bn2")];
        let inner = graph.conv_norm_relu(names, normed, Conv::new(3, outputs).stride(stride));
        let inner = graph.dropout(inner, self.dropout);
        let inner = graph.conv(format!("{name}.conv2"), inner, Conv::new(3, outputs));
        // Where the width changes, the shortcut starts behind the norm; a plain one before it.
        let shortcut = if graph.channels(x) == outputs {
            x
        } else {
            let conv = Conv::new(1, outputs).stride(stride);
            graph.conv(format!("{name}.convShortcut"), normed, conv)
        };
        graph.add(shortcut, inner)
    }
}

impl Family for WideResNetConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
        set(&mut self.dropout, &mut overrides.dropout);
    }

    fn check(&self) -> Result<(), ModelError> {
        if self.depth < 10 || self.depth > 2000 || !(self.depth - 4).is_multiple_of(6) {
            return Err(ModelError::config("depth", self.depth, "6n + 4, from 10 to 2000"));
        }
        if !(1..=512).contains(&self.widen) {
            return Err(ModelError::config("widen", self.widen, "from 1 to 512"));
        }
        check_dropout("dropout", self.dropout)
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let image = graph.image();
        let mut x = graph.conv("conv1", image, Conv::new(3, 16));
        for stage in 0..3 {
            let outputs = (16 << stage) * self.widen;
            for block in 0..(self.depth - 4) / 6 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("block{}.layer.{block}", stage + 1);
                x = self.block(graph, &name, x, outputs, stride);
            }
            graph.tap(format!("block{}", stage + 1), x);
        }
        let x = graph.norm("bn1", x);
        let x = graph.relu(x);
        let x = graph.global_average_pool(x);
        graph.classifier("fc", x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }
}
