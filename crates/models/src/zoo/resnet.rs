//! Residual networks for ImageNet, named as torchvision names them, and the same with a stem for CIFAR.
//!
//! Paper: He et al. 2015, arXiv:1512.03385, table 1. Reference: `torchvision/models/resnet.py`, whose
//! bottleneck halves the map in its 3x3 convolution, not in the first 1x1 one as the paper's does. For CIFAR the
//! first convolution is 3x3 with stride 1 and there is no max pooling, as in kuangliu's `pytorch-cifar`; its names
//! (`shortcut`, `linear`) and those of weiaicunzai's `pytorch-cifar100` (`conv2_x`, `residual_function`) are read
//! too.

use serde::{Deserialize, Serialize};

use super::{Alias, Family, Initial, Overrides, aliases, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value, Window},
    norm::NormKind,
};

/// Configuration of a residual network for ImageNet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetConfig {
    /// Layers: 18, 34 or 50.
    pub depth: usize,
    /// The layers in front of the stages.
    #[serde(default, skip_serializing_if = "ResNetStem::is_default")]
    pub stem: ResNetStem,
    /// Kind of batch norm.
    pub norm: NormKind,
}

/// The layers in front of the stages of a residual network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResNetStem {
    /// A 7x7 convolution with stride 2 and max pooling: a quarter of the image's size.
    #[default]
    ImageNet,
    /// A 3x3 convolution with stride 1: the image's size.
    Cifar,
}

impl ResNetStem {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl ResNetConfig {
    /// The network of this depth for ImageNet.
    pub fn of_depth(depth: usize) -> Self {
        Self { depth, stem: ResNetStem::ImageNet, norm: NormKind::Running }
    }

    /// The network of this depth for CIFAR.
    pub fn for_cifar(depth: usize) -> Self {
        Self { stem: ResNetStem::Cifar, ..Self::of_depth(depth) }
    }

    /// Blocks of the four stages, and how many times wider a block's output is than its middle.
    fn plan(&self) -> Option<([usize; 4], usize)> {
        match self.depth {
            18 => Some(([2, 2, 2, 2], 1)),
            34 => Some(([3, 4, 6, 3], 1)),
            50 => Some(([3, 4, 6, 3], 4)),
            _ => None,
        }
    }
}

impl Family for ResNetConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
    }

    fn check(&self) -> Result<(), ModelError> {
        match self.plan() {
            Some(_) => Ok(()),
            None => Err(ModelError::config("depth", self.depth, "18, 34 or 50")),
        }
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let (stages, expansion) = self.plan().expect("checked");
        let image = graph.image();
        let first = match self.stem {
            ResNetStem::ImageNet => Conv::new(7, 64).stride(2),
            ResNetStem::Cifar => Conv::new(3, 64),
        };
        let mut x = graph.conv_norm_relu(["conv1", "bn1"], image, first);
        if self.stem == ResNetStem::ImageNet {
            x = graph.max_pool(x, Window { kernel: 3, stride: 2, padding: 1 });
        }
        for (stage, blocks) in stages.into_iter().enumerate() {
            let width = 64 << stage;
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", stage + 1);
                x = residual_block(graph, &name, x, width, stride, expansion);
            }
            graph.tap(format!("layer{}", stage + 1), x);
        }
        let x = graph.global_average_pool(x);
        graph.classifier("fc", x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }

    fn aliases(&self) -> Vec<Alias> {
        aliases(&[
            ("linear.", "fc."),
            (".shortcut.", ".downsample."),
            ("conv1.0.", "conv1."),
            ("conv1.1.", "bn1."),
            ("conv2_x.", "layer1."),
            ("conv3_x.", "layer2."),
            ("conv4_x.", "layer3."),
            ("conv5_x.", "layer4."),
            (".residual_function.0.", ".conv1."),
            (".residual_function.1.", ".bn1."),
            (".residual_function.3.", ".conv2."),
            (".residual_function.4.", ".bn2."),
            (".residual_function.6.", ".conv3."),
            (".residual_function.7.", ".bn3."),
        ])
    }
}

/// A basic block where `expansion` is 1, otherwise a bottleneck.
fn residual_block(
    graph: &mut Builder,
    name: &str,
    x: Value,
    width: usize,
    stride: usize,
    expansion: usize,
) -> Value {
    let names = |index: usize| [format!("{name}.conv{index}"), format!("{name}.bn{index}")];
    let outputs = width * expansion;
    let inner = if expansion == 1 {
        let inner = graph.conv_norm_relu(names(1), x, Conv::new(3, width).stride(stride));
        graph.conv_norm(names(2), inner, Conv::new(3, outputs))
    } else {
        let inner = graph.conv_norm_relu(names(1), x, Conv::new(1, width));
        let inner = graph.conv_norm_relu(names(2), inner, Conv::new(3, width).stride(stride));
        graph.conv_norm(names(3), inner, Conv::new(1, outputs))
    };
    let shortcut = if stride == 1 && graph.channels(x) == outputs {
        x
    } else {
        let names = [format!("{name}.downsample.0"), format!("{name}.downsample.1")];
        graph.conv_norm(names, x, Conv::new(1, outputs).stride(stride))
    };
    let sum = graph.add(inner, shortcut);
    graph.relu(sum)
}
