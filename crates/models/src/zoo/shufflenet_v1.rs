//! ShuffleNet for small images: grouped 1x1 convolutions whose channels are shuffled.
//!
//! Paper: Zhang et al. 2017, arXiv:1707.01083, three groups. Reference: RepDistiller's
//! `models/ShuffleNetv1.py`: a 1x1 first convolution that keeps the map, and the first grouped
//! convolution of the network ungrouped.

use serde::{Deserialize, Serialize};

use super::{Family, Initial, Overrides, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value, Window},
    norm::NormKind,
};

/// Configuration of a ShuffleNet: three groups, as RepDistiller has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShuffleNetV1Config {
    /// Kind of batch norm.
    pub norm: NormKind,
}

const GROUPS: usize = 3;
/// Channels and blocks of each stage.
const STAGES: [[usize; 2]; 3] = [[240, 4], [480, 8], [960, 4]];
const FIRST: usize = 24;

impl Family for ShuffleNetV1Config {
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
            for index in 0..blocks {
                x = block(graph, &format!("layer{}.{index}", stage + 1), x, channels, index == 0);
            }
            graph.tap(format!("layer{}", stage + 1), x);
        }
        let x = graph.global_average_pool(x);
        graph.classifier("linear", x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }
}

/// The first block of a stage halves the map and puts its input, averaged, beside its output.
fn block(graph: &mut Builder, name: &str, x: Value, channels: usize, first: bool) -> Value {
    let names = |index: usize| [format!("{name}.conv{index}"), format!("{name}.bn{index}")];
    let inputs = graph.channels(x);
    let outputs = if first { channels - inputs } else { channels };
    let middle = outputs / 4;
    let groups = if inputs == FIRST { 1 } else { GROUPS };
    let inner = graph.conv_norm_relu(names(1), x, Conv::new(1, middle).groups(groups));
    let inner = graph.shuffle(inner, groups);
    let depthwise = Conv::new(3, middle).groups(middle).stride(if first { 2 } else { 1 });
    let inner = graph.conv_norm_relu(names(2), inner, depthwise);
    let inner = graph.conv_norm(names(3), inner, Conv::new(1, outputs).groups(GROUPS));
    let joined = if first {
        let shortcut = graph.average_pool(x, Window { kernel: 3, stride: 2, padding: 1 });
        graph.concat(inner, shortcut)
    } else {
        graph.add(inner, x)
    };
    graph.relu(joined)
}
