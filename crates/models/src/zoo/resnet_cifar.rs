//! Residual networks for CIFAR: three stages of basic blocks at 32, 16 and 8 pixels.
//!
//! Paper: He et al. 2015, arXiv:1512.03385, section 4.2: depth 6n + 2, 16, 32 and 64 channels.
//! Shortcuts where the size changes are free of parameters (option A, the paper's) or 1x1
//! convolutions (option B). References: A is named as Y. Idelbayev's `pytorch_resnet_cifar10` names
//! it (`linear`), B as RepDistiller's `models/resnet.py` does (`fc`, `downsample`); either naming is
//! read.

use serde::{Deserialize, Serialize};

use super::{Alias, Family, Initial, Overrides, Shortcut, aliases, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value},
    norm::NormKind,
};

/// Configuration of a residual network for CIFAR.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetCifarConfig {
    /// Layers, 6n + 2.
    pub depth: usize,
    /// Channels of the first convolution and of the three stages.
    pub widths: [usize; 4],
    /// What stands in for the identity where the size changes.
    pub shortcut: Shortcut,
    /// Kind of batch norm.
    pub norm: NormKind,
}

impl ResNetCifarConfig {
    /// The paper's network of this depth, with option A.
    pub fn of_depth(depth: usize) -> Self {
        let widths = [16, 16, 32, 64];
        Self { depth, widths, shortcut: Shortcut::A, norm: NormKind::Running }
    }

    /// RepDistiller's network of four times the width, with option B.
    pub fn four_times_as_wide(depth: usize) -> Self {
        let widths = [32, 64, 128, 256];
        Self { widths, shortcut: Shortcut::B, ..Self::of_depth(depth) }
    }

    fn block(
        &self,
        graph: &mut Builder,
        name: &str,
        x: Value,
        outputs: usize,
        stride: usize,
    ) -> Value {
        let names = [format!("{name}.conv1"), format!("{name}.bn1")];
        let inner = graph.conv_norm_relu(names, x, Conv::new(3, outputs).stride(stride));
        let names = [format!("{name}.conv2"), format!("{name}.bn2")];
        let inner = graph.conv_norm(names, inner, Conv::new(3, outputs));
        let shortcut = match self.shortcut {
            _ if stride == 1 && graph.channels(x) == outputs => x,
            Shortcut::A => graph.pad_shortcut(x, outputs, stride),
            Shortcut::B => {
                let names = [format!("{name}.downsample.0"), format!("{name}.downsample.1")];
                graph.conv_norm(names, x, Conv::new(1, outputs).stride(stride))
            }
        };
        let sum = graph.add(inner, shortcut);
        graph.relu(sum)
    }
}

impl Family for ResNetCifarConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
        set(&mut self.shortcut, &mut overrides.shortcut);
    }

    fn check(&self) -> Result<(), ModelError> {
        if self.depth < 8 || self.depth > 2000 || !(self.depth - 2).is_multiple_of(6) {
            return Err(ModelError::config("depth", self.depth, "6n + 2, from 8 to 2000"));
        }
        if self.widths.iter().any(|channels| !(1..=65_536).contains(channels)) {
            return Err(ModelError::config("widths", self.widths, "from 1 to 65536 channels"));
        }
        if self.shortcut == Shortcut::A && !self.widths.is_sorted() {
            let expected = "widths that do not shrink: shortcut `a` can only add channels";
            return Err(ModelError::config("widths", self.widths, expected));
        }
        Ok(())
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let [first, stages @ ..] = self.widths;
        let image = graph.image();
        let mut x = graph.conv_norm_relu(["conv1", "bn1"], image, Conv::new(3, first));
        for (stage, outputs) in stages.into_iter().enumerate() {
            for block in 0..(self.depth - 2) / 6 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = format!("layer{}.{block}", stage + 1);
                x = self.block(graph, &name, x, outputs, stride);
            }
            graph.tap(format!("layer{}", stage + 1), x);
        }
        let x = graph.global_average_pool(x);
        graph.classifier(if self.shortcut == Shortcut::A { "linear" } else { "fc" }, x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }

    fn aliases(&self) -> Vec<Alias> {
        aliases(match self.shortcut {
            Shortcut::A => &[("fc.", "linear.")],
            Shortcut::B => &[("linear.", "fc."), (".shortcut.", ".downsample.")],
        })
    }
}
