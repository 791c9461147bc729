//! EfficientNet-Lite: inverted residuals without squeeze and excitation, for ImageNet.
//!
//! Paper: Tan and Le 2019, arXiv:1905.11946, table 1 and section 4; Lite is TensorFlow's for small devices: ReLU6,
//! first and last layer of one width and the first and last stage of one depth in every size. The networks are
//! TensorFlow's, which pads unevenly where it halves a map and adds 1e-3 to variances. Named as timm's
//! `tf_efficientnet_lite0`; the names of lukemelas' `efficientnet_lite_pytorch` are read too. Trained on pixels of 0
//! to 255 as `(x - 127) / 128`.

use serde::{Deserialize, Serialize};

use super::{Alias, Family, Initial, Overrides, aliases, check_dropout, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value},
    norm::NormKind,
};

/// Configuration of an EfficientNet-Lite.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EfficientNetLiteConfig {
    /// Factor of the widths, in `[0.1, 4]`.
    pub width: f64,
    /// Factor of the depths, in `[0.1, 10]`.
    pub depth: f64,
    /// Probability of dropout before the last layer, in `[0, 1)`.
    pub dropout: f64,
    /// Kind of batch norm.
    pub norm: NormKind,
}

/// Of each stage: expansion, channels, blocks, stride of the first one, window.
const STAGES: [[usize; 5]; 7] = [
    [1, 16, 1, 1, 3],
    [6, 24, 2, 2, 3],
    [6, 40, 2, 2, 5],
    [6, 80, 3, 2, 3],
    [6, 112, 3, 1, 5],
    [6, 192, 4, 2, 5],
    [6, 320, 1, 1, 3],
];

impl EfficientNetLiteConfig {
    /// Lite0, for images of 224 pixels: 4,652,008 parameters for a thousand classes.
    pub fn lite0() -> Self {
        Self { width: 1.0, depth: 1.0, dropout: 0.2, norm: NormKind::Running }
    }

    /// Lite2, for images of 260 pixels: 6,092,072 parameters for a thousand classes.
    pub fn lite2() -> Self {
        Self { width: 1.1, depth: 1.2, dropout: 0.3, ..Self::lite0() }
    }

    /// The nearest multiple of 8, but never a tenth less than asked for.
    fn channels(&self, channels: usize) -> usize {
        let scaled = channels as f64 * self.width;
        let nearest = ((scaled + 4.0) as usize / 8 * 8).max(8);
        if (nearest as f64) < 0.9 * scaled { nearest + 8 } else { nearest }
    }

    /// Blocks of a stage.
    fn blocks(&self, stage: usize) -> usize {
        let blocks = STAGES[stage][2];
        match stage {
            0 | 6 => blocks,
            _ => (blocks as f64 * self.depth).ceil() as usize,
        }
    }
}

impl Family for EfficientNetLiteConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
        set(&mut self.dropout, &mut overrides.dropout);
    }

    fn check(&self) -> Result<(), ModelError> {
        if !(0.1..=4.0).contains(&self.width) {
            return Err(ModelError::config("width", self.width, "a number in [0.1, 4]"));
        }
        if !(0.1..=10.0).contains(&self.depth) {
            return Err(ModelError::config("depth", self.depth, "a number in [0.1, 10]"));
        }
        check_dropout("dropout", self.dropout)
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        graph.epsilon(1e-3);
        let image = graph.image();
        let stem = Conv::new(3, 32).stride(2);
        let mut x = graph.same_conv_norm_relu6(["conv_stem", "bn1"], image, stem);
        for (stage, [expansion, channels, _, stride, kernel]) in STAGES.into_iter().enumerate() {
            for index in 0..self.blocks(stage) {
                let stride = if index == 0 { stride } else { 1 };
                let name = format!("blocks.{stage}.{index}");
                let depthwise = Conv::new(kernel, 0).stride(stride);
                x = block(graph, &name, x, expansion, depthwise, self.channels(channels));
            }
            graph.tap(format!("stage{}", stage + 1), x);
        }
        let x = graph.same_conv_norm_relu6(["conv_head", "bn2"], x, Conv::new(1, 1280));
        let x = graph.global_average_pool(x);
        let x = graph.dropout(x, self.dropout);
        graph.classifier("classifier", x);
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }

    /// lukemelas counts the blocks through, and the norms of each from the one that a block without expansion lacks.
    fn aliases(&self) -> Vec<Alias> {
        let mut all = aliases(&[
            ("_conv_stem.", "conv_stem."),
            ("_bn0.", "bn1."),
            ("_conv_head.", "conv_head."),
            ("_bn1.", "bn2."),
            ("_fc.", "classifier."),
        ]);
        let places = (0..STAGES.len())
            .flat_map(|stage| (0..self.blocks(stage)).map(move |index| (stage, index)));
        for (count, (stage, index)) in places.enumerate() {
            let parts: &[[&str; 2]] = match STAGES[stage][0] {
                1 => &[
                    ["_depthwise_conv", "conv_dw"],
                    ["_bn1", "bn1"],
                    ["_project_conv", "conv_pw"],
                    ["_bn2", "bn2"],
                ],
                _ => &[
                    ["_expand_conv", "conv_pw"],
                    ["_bn0", "bn1"],
                    ["_depthwise_conv", "conv_dw"],
                    ["_bn1", "bn2"],
                    ["_project_conv", "conv_pwl"],
                    ["_bn2", "bn3"],
                ],
            };
            all.extend(parts.iter().map(|[theirs, ours]| {
                (format!("_blocks.{count}.{theirs}."), format!("blocks.{stage}.{index}.{ours}."))
            }));
        }
        all
    }
}

/// A block whose middle is `expansion` times as wide as its input; without expansion it has no first convolution.
fn block(
    graph: &mut Builder,
    name: &str,
    x: Value,
    expansion: usize,
    depthwise: Conv,
    outputs: usize,
) -> Value {
    let inputs = graph.channels(x);
    let hidden = inputs * expansion;
    let names = |conv: &str, norm: usize| [format!("{name}.{conv}"), format!("{name}.bn{norm}")];
    let depthwise = Conv { outputs: hidden, ..depthwise.groups(hidden) };
    let inner = if expansion == 1 {
        let inner = graph.same_conv_norm_relu6(names("conv_dw", 1), x, depthwise);
        graph.conv_norm(names("conv_pw", 2), inner, Conv::new(1, outputs))
    } else {
        let inner = graph.same_conv_norm_relu6(names("conv_pw", 1), x, Conv::new(1, hidden));
        let inner = graph.same_conv_norm_relu6(names("conv_dw", 2), inner, depthwise);
        graph.conv_norm(names("conv_pwl", 3), inner, Conv::new(1, outputs))
    };
    if depthwise.stride == 1 && inputs == outputs { graph.add(x, inner) } else { inner }
}
