//! ShuffleNetV2 for small images: half of the channels pass by each block.
//!
//! Paper: Ma et al. 2018, arXiv:1807.11164, size 1x. Reference: RepDistiller's `models/ShuffleNetv2.py`:
//! a 1x1 first convolution that keeps the map, and one block more a stage than the paper counts.

use serde::{Deserialize, Serialize};

use super::{Family, Initial, Overrides, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value},
    norm::NormKind,
};

/// Configuration of a ShuffleNetV2 of size 1x.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShuffleNetV2Config {
    /// Kind of batch norm.
    pub norm: NormKind,
}

/// Channels, and blocks behind the one that halves the map, of each stage.
const STAGES: [[usize; 2]; 3] = [[116, 3], [232, 7], [464, 3]];
const FIRST: usize = 24;
const LAST: usize = 1024;

impl Family for ShuffleNetV2Config {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
    }

    fn check(&self) -> Result<(), ModelError> {
        Ok(())
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let image = graph.image();
        let mut x = graph.conv_norm_relu(["conv1", "bn1"], image, Conv::new(1, FIRST));
        for (stage, [channels, blocks]) in STAGES.into_iter().enumerate() {
            x = halving_block(graph, &format!("layer{}.0", stage + 1), x, channels);
            for index in 1..=blocks {
                x = block(graph, &format!("layer{}.{index}", stage + 1), x);
            }
            graph.tap(format!("layer{}", stage + 1), x);
        }
        let x = graph.conv_norm_relu(["conv2", "bn2"], x, Conv::new(1, LAST));
        let x = graph.global_average_pool(x);
        graph.classifier("linear", x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }
}

fn names(name: &str, index: usize) -> [String; 2] {
    [format!("{name}.conv{index}"), format!("{name}.bn{index}")]
}

fn block(graph: &mut Builder, name: &str, x: Value) -> Value {
    let half = graph.channels(x) / 2;
    let (passing, inner) = graph.split(x, half);
    let inner = graph.conv_norm_relu(names(name, 1), inner, Conv::new(1, half));
    let inner = graph.conv_norm(names(name, 2), inner, Conv::new(3, half).groups(half));
    let inner = graph.conv_norm_relu(names(name, 3), inner, Conv::new(1, half));
    let joined = graph.concat(passing, inner);
    graph.shuffle(joined, 2)
}

fn halving_block(graph: &mut Builder, name: &str, x: Value, outputs: usize) -> Value {
    let (inputs, half) = (graph.channels(x), outputs / 2);
    let depthwise = |channels: usize| Conv::new(3, channels).groups(channels).stride(2);
    let left = graph.conv_norm(names(name, 1), x, depthwise(inputs));
    let left = graph.conv_norm_relu(names(name, 2), left, Conv::new(1, half));
    let right = graph.conv_norm_relu(names(name, 3), x, Conv::new(1, half));
    let right = graph.conv_norm(names(name, 4), right, depthwise(half));
    let right = graph.conv_norm_relu(names(name, 5), right, Conv::new(1, half));
    let joined = graph.concat(left, right);
    graph.shuffle(joined, 2)
}
