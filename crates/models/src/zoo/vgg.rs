//! VGG for small images: as the labml.ai distillation tutorial builds it, and as RepDistiller does.
//!
//! Blocks of 3x3 convolutions with bias, each followed by batch norm and ReLU, 2x2 max pooling
//! between them, and one linear layer. Dropout, where asked for, stands before every convolution,
//! the first one too. Maps that are larger than one pixel at the end are averaged.
//!
//! Paper: Simonyan and Zisserman 2014, arXiv:1409.1556. References: `labml_nn/distillation/large.py`
//! and `small.py` of labml.ai; `models/vgg.py` of RepDistiller.

use serde::{Deserialize, Serialize};

use super::{Alias, Family, Overrides, aliases, check_dropout, set};
use crate::{
    ModelError,
    graph::{Builder, Conv, Window},
    norm::NormKind,
};

/// Configuration of a VGG.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggConfig {
    /// Output channels of each convolution of each block.
    pub blocks: Vec<Vec<usize>>,
    /// Probability of dropout before every convolution, in `[0, 1)`.
    pub dropout: f64,
    /// Kind of batch norm.
    pub norm: NormKind,
    /// Whose VGG it is.
    #[serde(default)]
    pub layout: VggLayout,
}

/// Whose VGG it is: where the maps are halved and how the weights are called.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VggLayout {
    /// The tutorial's: halved after every block; `layers.N` and `fc`.
    #[default]
    Tutorial,
    /// RepDistiller's: halved after the first three blocks, from 64 pixels on after the fourth too;
    /// `blockB.N` and `classifier`.
    RepDistiller,
}

impl VggConfig {
    /// The tutorial's teacher: 14,728,266 parameters for ten classes.
    pub fn large() -> Self {
        let blocks: [&[usize]; 5] =
            [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];
        Self { dropout: 0.1, ..Self::of(blocks, VggLayout::Tutorial) }
    }

    /// The tutorial's student: 437,034 parameters for ten classes.
    pub fn small() -> Self {
        Self::of([&[32, 32], &[64, 64], &[128], &[128], &[128]], VggLayout::Tutorial)
    }

    /// RepDistiller's `vgg8`: 3,965,028 parameters for a hundred classes.
    pub fn vgg8() -> Self {
        Self::of([&[64], &[128], &[256], &[512], &[512]], VggLayout::RepDistiller)
    }

    /// RepDistiller's `vgg11`: 9,277,284 parameters for a hundred classes.
    pub fn vgg11() -> Self {
        let blocks: [&[usize]; 5] = [&[64], &[128], &[256, 256], &[512, 512], &[512, 512]];
        Self::of(blocks, VggLayout::RepDistiller)
    }

    /// RepDistiller's `vgg13`: 9,462,180 parameters for a hundred classes.
    pub fn vgg13() -> Self {
        let blocks: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256, 256], &[512, 512], &[512, 512]];
        Self::of(blocks, VggLayout::RepDistiller)
    }

    fn of(blocks: [&[usize]; 5], layout: VggLayout) -> Self {
        let blocks = blocks.map(<[usize]>::to_vec).to_vec();
        Self { blocks, dropout: 0.0, norm: NormKind::Running, layout }
    }

    /// Whether the maps are halved after the block of this index.
    fn halves_after(&self, block: usize, height: usize) -> bool {
        match self.layout {
            VggLayout::Tutorial => true,
            VggLayout::RepDistiller => block < 3 || (block == 3 && height >= 64),
        }
    }

    fn tutorial(&self, graph: &mut Builder) {
        // The tutorial's one list of layers counts dropout, ReLU and pooling too.
        let mut next = 0;
        let mut place = |skip: usize| {
            let name = format!("layers.{}", next + skip);
            next += skip + 1;
            name
        };
        let mut x = graph.image();
        let dropout = usize::from(self.dropout > 0.0);
        for (index, block) in self.blocks.iter().enumerate() {
            for channels in block {
                x = graph.dropout(x, self.dropout);
                x = graph.conv(place(dropout), x, Conv::new(3, *channels).with_bias());
                x = graph.norm(place(0), x);
                x = graph.relu(x);
                place(0);
            }
            x = graph.max_pool(x, HALVE);
            place(0);
            graph.tap(format!("block{}", index + 1), x);
        }
        let x = graph.global_average_pool(x);
        graph.classifier("fc", x);
    }

    fn rep_distiller(&self, graph: &mut Builder) {
        let mut x = graph.image();
        let [_, height, _] = graph.shape(x);
        for (index, block) in self.blocks.iter().enumerate() {
            for (unit, channels) in block.iter().enumerate() {
                x = graph.dropout(x, self.dropout);
                let name = format!("block{index}.{}", 3 * unit);
                x = graph.conv(name, x, Conv::new(3, *channels).with_bias());
                x = graph.norm(format!("block{index}.{}", 3 * unit + 1), x);
                x = graph.relu(x);
            }
            graph.tap(format!("block{}", index + 1), x);
            if self.halves_after(index, height) {
                x = graph.max_pool(x, HALVE);
            }
        }
        let x = graph.global_average_pool(x);
        graph.classifier("classifier", x);
    }
}

const HALVE: Window = Window { kernel: 2, stride: 2, padding: 0 };

impl Family for VggConfig {
    fn set(&mut self, overrides: &mut Overrides) {
        set(&mut self.blocks, &mut overrides.blocks);
        set(&mut self.norm, &mut overrides.norm);
        set(&mut self.dropout, &mut overrides.dropout);
    }

    fn check(&self) -> Result<(), ModelError> {
        let sizes = self.blocks.iter().flatten();
        if self.blocks.iter().any(Vec::is_empty) || sizes.clone().count() == 0 {
            let expected = "at least one convolution a block";
            return Err(ModelError::config("blocks", &self.blocks, expected));
        }
        if sizes.clone().count() > 1024 {
            let value = format!("{} convolutions", sizes.count());
            return Err(ModelError::Config {
                field: "blocks",
                value,
                expected: "at most 1024".into(),
            });
        }
        if sizes.clone().any(|channels| !(1..=65_536).contains(channels)) {
            return Err(ModelError::config("blocks", &self.blocks, "from 1 to 65536 channels"));
        }
        check_dropout("dropout", self.dropout)
    }

    fn norm(&self) -> Option<NormKind> {
        Some(self.norm)
    }

    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError> {
        let image = graph.image();
        let [_, height, width] = graph.shape(image);
        let halvings =
            (0..self.blocks.len()).filter(|index| self.halves_after(*index, height)).count();
        let side = height.min(width);
        if halvings >= usize::BITS as usize || side >> halvings == 0 {
            let value = format!("{} blocks on a {height}x{width} image", self.blocks.len());
            let expected = format!("a side of at least 2^{halvings} pixels: so often is it halved");
            return Err(ModelError::Config { field: "blocks", value, expected });
        }
        match self.layout {
            VggLayout::Tutorial => self.tutorial(graph),
            VggLayout::RepDistiller => self.rep_distiller(graph),
        }
        Ok(())
    }

    fn aliases(&self) -> Vec<Alias> {
        // The tutorial's own batch norm.
        aliases(&[(".scale", ".weight"), (".shift", ".bias")])
    }
}
