//! Densely connected networks for ImageNet, named as torchvision names them.
//!
//! Each layer of a block sees the features of all layers before it: a 1x1 convolution to four times the growth rate, a
//! 3x3 one to the growth rate, each behind batch norm and ReLU. Between blocks a 1x1 convolution halves the channels and
//! an average pooling the map.
//!
//! Paper: Huang et al. 2017, arXiv:1608.06993, table 1 (DenseNet-BC with compression 0.5). Reference:
//! `torchvision/models/densenet.py`, whose published files call the layers `norm.1` and `conv.1`; these names are read
//! too.

use serde::{Deserialize, Serialize};

use super::{Alias, Family, Initial, Overrides, aliases, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value, Window},
    norm::NormKind,
};

/// Configuration of a densely connected network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenseNetConfig {
    /// Layers: 121, 169 or 201.
    pub depth: usize,
    /// Kind of batch norm.
    pub norm: NormKind,
}

/// Channels that each layer adds.
const GROWTH: usize = 32;

impl DenseNetConfig {
    /// The network of this depth for ImageNet.
    pub fn of_depth(depth: usize) -> Self {
        Self { depth, norm: NormKind::Running }
    }

    /// Layers of the four blocks.
    fn plan(&self) -> Option<[usize; 4]> {
        match self.depth {
            121 => Some([6, 12, 24, 16]),
            169 => Some([6, 12, 32, 32]),
            201 => Some([6, 12, 48, 32]),
            _ => None,
        }
    }
}

impl Family for DenseNetConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
    }

    fn check(&self) -> Result<(), ModelError> {
        match self.plan() {
            Some(_) => Ok(()),
            None => Err(ModelError::config("depth", self.depth, "121, 169 or 201")),
        }
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let blocks = self.plan().expect("checked");
        let image = graph.image();
        let names = ["features.conv0", "features.norm0"];
        let x = graph.conv_norm_relu(names, image, Conv::new(7, 2 * GROWTH).stride(2));
        let mut x = graph.max_pool(x, Window { kernel: 3, stride: 2, padding: 1 });
        for (index, layers) in blocks.into_iter().enumerate() {
            let block = format!("features.denseblock{}", index + 1);
            for layer in 0..layers {
                let new = dense_layer(graph, &format!("{block}.denselayer{}", layer + 1), x);
                x = graph.concat(x, new);
            }
            graph.tap(format!("denseblock{}", index + 1), x);
            if index < 3 {
                x = transition(graph, &format!("features.transition{}", index + 1), x);
            }
        }
        let x = graph.norm("features.norm5", x);
        let x = graph.relu(x);
        let x = graph.global_average_pool(x);
        graph.classifier("classifier", x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }

    fn aliases(&self) -> Vec<Alias> {
        aliases(&[
            (".norm.1.", ".norm1."),
            (".norm.2.", ".norm2."),
            (".conv.1.", ".conv1."),
            (".conv.2.", ".conv2."),
        ])
    }
}

/// What a layer adds to the features `x`.
fn dense_layer(graph: &mut Builder, name: &str, x: Value) -> Value {
    let x = graph.norm(format!("{name}.norm1"), x);
    let x = graph.relu(x);
    let names = [format!("{name}.conv1"), format!("{name}.norm2")];
    let x = graph.conv_norm_relu(names, x, Conv::new(1, 4 * GROWTH));
    graph.conv(format!("{name}.conv2"), x, Conv::new(3, GROWTH))
}

/// Half the channels and half the map.
fn transition(graph: &mut Builder, name: &str, x: Value) -> Value {
    let x = graph.norm(format!("{name}.norm"), x);
    let x = graph.relu(x);
    let half = graph.channels(x) / 2;
    let x = graph.conv(format!("{name}.conv"), x, Conv::new(1, half));
    graph.average_pool(x, Window { kernel: 2, stride: 2, padding: 0 })
}
