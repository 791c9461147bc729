//! VGG for small images, as the labml.ai distillation tutorial builds it.
//!
//! Blocks of 3x3 convolutions with bias, each followed by batch norm and ReLU, with 2x2 max pooling
//! after each block, then one linear layer. Dropout, where asked for, stands before every
//! convolution, the first one too. Maps that are larger than one pixel after the last block are
//! averaged, so that larger images work.
//!
//! Paper: Simonyan and Zisserman 2014, arXiv:1409.1556. Reference: `labml_nn/distillation/large.py`
//! and `small.py` of labml.ai.

use burn::{
    module::Module,
    nn::{
        Dropout, DropoutConfig, Linear, LinearConfig, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
        pool::{MaxPool2d, MaxPool2dConfig},
    },
    tensor::{Device, Tensor, activation::relu},
};
use serde::{Deserialize, Serialize};

use crate::{
    Cost, ModelError, Signature,
    norm::{Norm, NormKind},
    taps::Recorder,
};

/// Configuration of a [`Vgg`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VggConfig {
    /// Output channels of each convolution of each block.
    pub blocks: Vec<Vec<usize>>,
    /// Probability of dropout before every convolution, in `[0, 1)`.
    pub dropout: f64,
    /// Kind of batch norm.
    pub norm: NormKind,
}

impl VggConfig {
    /// The tutorial's teacher: 14,728,266 parameters for ten classes.
    pub fn large() -> Self {
        let blocks: [&[usize]; 5] =
            [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];
        Self {
            blocks: blocks.map(<[usize]>::to_vec).to_vec(),
            dropout: 0.1,
            norm: NormKind::Running,
        }
    }

    /// The tutorial's student: 437,034 parameters for ten classes.
    pub fn small() -> Self {
        let blocks: [&[usize]; 5] = [&[32, 32], &[64, 64], &[128], &[128], &[128]];
        Self {
            blocks: blocks.map(<[usize]>::to_vec).to_vec(),
            dropout: 0.0,
            norm: NormKind::Running,
        }
    }

    /// Checks the ranges of the fields.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check_fields(&self) -> Result<(), ModelError> {
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
        if !(0.0..1.0).contains(&self.dropout) {
            return Err(ModelError::config("dropout", self.dropout, "a number in [0, 1)"));
        }
        Ok(())
    }

    /// Checks that an image is large enough to be halved by every block.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check_input(&self, signature: &Signature) -> Result<(), ModelError> {
        let side = signature.height.min(signature.width);
        if self.blocks.len() >= usize::BITS as usize || side >> self.blocks.len() == 0 {
            let image = format!("{}x{} image", signature.height, signature.width);
            let expected = "an image of at least 2^blocks pixels a side: each block halves it";
            let value = format!("{} blocks on a {image}", self.blocks.len());
            return Err(ModelError::Config { field: "blocks", value, expected: expected.into() });
        }
        Ok(())
    }

    /// Parameters and multiply-accumulates.
    pub fn cost(&self, signature: &Signature) -> Cost {
        let mut cost = Cost::zero();
        let mut inputs = signature.channels;
        let mut size = [signature.height, signature.width];
        for block in &self.blocks {
            for outputs in block {
                cost += Cost::convolution([inputs, *outputs], 3, size);
                cost += Cost::norm(*outputs);
                inputs = *outputs;
            }
            size = size.map(|side| side / 2);
        }
        cost += Cost::linear(inputs, signature.classes);
        cost
    }

    pub(crate) fn init(&self, signature: &Signature, device: &Device) -> Vgg {
        let mut inputs = signature.channels;
        let mut block = |sizes: &Vec<usize>| Block {
            units: sizes
                .iter()
                .map(|outputs| {
                    Unit::init(std::mem::replace(&mut inputs, *outputs), *outputs, self, device)
                })
                .collect(),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
        };
        let blocks = self.blocks.iter().map(&mut block).collect();
        Vgg { blocks, fc: LinearConfig::new(inputs, signature.classes).init(device) }
    }
}

/// The network.
#[derive(Module, Debug)]
pub struct Vgg {
    blocks: Vec<Block>,
    fc: Linear,
}

#[derive(Module, Debug)]
struct Block {
    units: Vec<Unit>,
    pool: MaxPool2d,
}

/// Dropout, convolution, batch norm, ReLU.
#[derive(Module, Debug)]
struct Unit {
    dropout: Option<Dropout>,
    conv: Conv2d,
    norm: Norm,
}

impl Unit {
    fn init(inputs: usize, outputs: usize, config: &VggConfig, device: &Device) -> Self {
        Self {
            dropout: (config.dropout > 0.0).then(|| DropoutConfig::new(config.dropout).init()),
            conv: Conv2dConfig::new([inputs, outputs], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(device),
            norm: Norm::init(config.norm, outputs, device),
        }
    }

    fn forward(&self, mut x: Tensor<4>) -> Tensor<4> {
        if let Some(dropout) = &self.dropout {
            x = dropout.forward(x);
        }
        relu(self.norm.forward(self.conv.forward(x)))
    }
}

impl Vgg {
    pub(crate) fn forward(&self, images: Tensor<4>, taps: &mut Recorder) -> Tensor<2> {
        let mut x = images;
        for (index, block) in self.blocks.iter().enumerate() {
            for unit in &block.units {
                x = unit.forward(x);
            }
            x = block.pool.forward(x);
            taps.record(|| format!("block{}", index + 1), &x);
        }
        let [batch, channels, height, width] = x.dims();
        let features = match height * width {
            1 => x.reshape([batch, channels]),
            pixels => x.reshape([batch, channels, pixels]).mean_dim(2).reshape([batch, channels]),
        };
        self.fc.forward(features)
    }
}
