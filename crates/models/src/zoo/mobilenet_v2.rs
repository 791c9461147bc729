//! MobileNetV2: inverted residuals of depthwise convolutions.
//!
//! Paper: Sandler et al. 2018, arXiv:1801.04381, table 2. References: `torchvision/models/mobilenetv2.py`
//! for ImageNet; RepDistiller's `models/mobilenetv2.py` for small images, which halves the map one time
//! less, expands the first block too and uses ReLU for ReLU6.

use serde::{Deserialize, Serialize};

use super::{Family, Initial, Overrides, check_dropout, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Value},
    norm::NormKind,
};

/// Configuration of a MobileNetV2.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MobileNetV2Config {
    /// Factor of all widths, in `[0.1, 4]`.
    pub width: f64,
    /// Probability of dropout before the last layer, in `[0, 1)`.
    pub dropout: f64,
    /// Whose it is.
    pub layout: MobileNetV2Layout,
    /// Kind of batch norm.
    pub norm: NormKind,
}

/// Whose MobileNetV2 it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MobileNetV2Layout {
    /// torchvision's, for ImageNet: widths in multiples of 8; `features.N`, `classifier.1`.
    Torchvision,
    /// RepDistiller's, for CIFAR: `conv1`, `blocks.S.N`, `conv2`, `classifier.0`.
    RepDistiller,
}

/// Of each stage: expansion, channels, blocks, stride of the first one.
const STAGES: [[usize; 4]; 7] = [
    [1, 16, 1, 1],
    [6, 24, 2, 2],
    [6, 32, 3, 2],
    [6, 64, 4, 2],
    [6, 96, 3, 1],
    [6, 160, 3, 2],
    [6, 320, 1, 1],
];

impl MobileNetV2Config {
    /// torchvision's `mobilenet_v2`: 3,504,872 parameters for a thousand classes.
    pub fn torchvision() -> Self {
        let layout = MobileNetV2Layout::Torchvision;
        Self { width: 1.0, dropout: 0.2, layout, norm: NormKind::Running }
    }

    /// RepDistiller's `mobile_half`: 812,836 parameters for a hundred classes.
    pub fn half() -> Self {
        let layout = MobileNetV2Layout::RepDistiller;
        Self { width: 0.5, dropout: 0.0, layout, norm: NormKind::Running }
    }

    fn channels(&self, channels: usize) -> usize {
        let scaled = channels as f64 * self.width;
        match self.layout {
            MobileNetV2Layout::RepDistiller => scaled as usize,
            MobileNetV2Layout::Torchvision => {
                // The nearest multiple of 8, but never a tenth less than asked for.
                let nearest = ((scaled + 4.0) as usize / 8 * 8).max(8);
                if (nearest as f64) < 0.9 * scaled { nearest + 8 } else { nearest }
            }
        }
    }

    /// The widest layer grows with the network but does not shrink with it.
    fn last_channels(&self) -> usize {
        match self.layout {
            MobileNetV2Layout::RepDistiller => (1280.0 * self.width.max(1.0)) as usize,
            MobileNetV2Layout::Torchvision => {
                Self { width: self.width.max(1.0), ..self.clone() }.channels(1280)
            }
        }
    }

    fn torchvision_graph(&self, graph: &mut Builder) {
        let relu6 = |graph: &mut Builder, names: [String; 2], x, conv| {
            let x = graph.conv_norm(names, x, conv);
            graph.relu6(x)
        };
        let pair = |name: String| [format!("{name}.0"), format!("{name}.1")];
        let image = graph.image();
        let stem = Conv::new(3, self.channels(32)).stride(2);
        let mut x = relu6(graph, pair("features.0".into()), image, stem);
        let mut index = 0;
        for (stage, [expansion, channels, blocks, stride]) in STAGES.into_iter().enumerate() {
            for block in 0..blocks {
                index += 1;
                let name = format!("features.{index}.conv");
                let inputs = graph.channels(x);
                let hidden = inputs * expansion;
                let mut part = 0;
                let mut inner = x;
                if expansion > 1 {
                    inner = relu6(graph, pair(format!("{name}.0")), inner, Conv::new(1, hidden));
                    part = 1;
                }
                let stride = if block == 0 { stride } else { 1 };
                let depthwise = Conv::new(3, hidden).groups(hidden).stride(stride);
                inner = relu6(graph, pair(format!("{name}.{part}")), inner, depthwise);
                let names = [format!("{name}.{}", part + 1), format!("{name}.{}", part + 2)];
                let outputs = self.channels(channels);
                inner = graph.conv_norm(names, inner, Conv::new(1, outputs));
                x = if stride == 1 && inputs == outputs { graph.add(x, inner) } else { inner };
            }
            graph.tap(format!("stage{}", stage + 1), x);
        }
        let last = Conv::new(1, self.last_channels());
        let x = relu6(graph, pair(format!("features.{}", index + 1)), x, last);
        let x = graph.global_average_pool(x);
        let x = graph.dropout(x, self.dropout);
        graph.classifier("classifier.1", x);
    }

    fn rep_distiller_graph(&self, graph: &mut Builder) {
        let image = graph.image();
        let stem = Conv::new(3, self.channels(32)).stride(2);
        let mut x = graph.conv_norm_relu(["conv1.0", "conv1.1"], image, stem);
        for (stage, [expansion, channels, blocks, stride]) in STAGES.into_iter().enumerate() {
            // Small images are halved one time less.
            let stride = if stage == 1 { 1 } else { stride };
            for block in 0..blocks {
                let stride = if block == 0 { stride } else { 1 };
                let name = format!("blocks.{stage}.{block}.conv");
                x = small_block(graph, &name, x, expansion, self.channels(channels), stride);
            }
            graph.tap(format!("stage{}", stage + 1), x);
        }
        let last = Conv::new(1, self.last_channels());
        let x = graph.conv_norm_relu(["conv2.0", "conv2.1"], x, last);
        let x = graph.global_average_pool(x);
        let x = graph.dropout(x, self.dropout);
        graph.classifier("classifier.0", x);
    }
}

fn small_block(
    graph: &mut Builder,
    name: &str,
    x: Value,
    expansion: usize,
    outputs: usize,
    stride: usize,
) -> Value {
    let names = |index: usize| [format!("{name}.{index}"), format!("{name}.{}", index + 1)];
    let inputs = graph.channels(x);
    let hidden = inputs * expansion;
    let inner = graph.conv_norm_relu(names(0), x, Conv::new(1, hidden));
    let depthwise = Conv::new(3, hidden).groups(hidden).stride(stride);
    let inner = graph.conv_norm_relu(names(3), inner, depthwise);
    let inner = graph.conv_norm(names(6), inner, Conv::new(1, outputs));
    if stride == 1 && inputs == outputs { graph.add(x, inner) } else { inner }
}

impl Family for MobileNetV2Config {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.norm, &mut overrides.norm);
        set(&mut self.dropout, &mut overrides.dropout);
    }

    fn check(&self) -> Result<(), ModelError> {
        if !(0.1..=4.0).contains(&self.width) {
            return Err(ModelError::config("width", self.width, "a number in [0.1, 4]"));
        }
        check_dropout("dropout", self.dropout)
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        match self.layout {
            MobileNetV2Layout::Torchvision => self.torchvision_graph(graph),
            MobileNetV2Layout::RepDistiller => self.rep_distiller_graph(graph),
        }
        Ok(())
    }

    fn initial(&self) -> Initial {
        Initial::He
    }
}
