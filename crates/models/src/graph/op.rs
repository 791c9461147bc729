//! What one step of a network does, its shape and its cost.

use crate::{Cost, NormKind};

/// One step. Values are `[batch, channels, height, width]`; a perceptron's are `[batch, units, 1, 1]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Op {
    /// The network's input.
    Image,
    /// Square convolution.
    Conv(Conv),
    /// Batch norm.
    Norm {
        /// Which statistics it uses.
        kind: NormKind,
        /// Channels in and out.
        channels: usize,
    },
    /// Fully connected, over `[batch, inputs, 1, 1]`.
    Linear {
        /// Units in.
        inputs: usize,
        /// Units out.
        outputs: usize,
    },
    /// Dropout while training.
    Dropout {
        /// Probability of dropping a value.
        probability: f64,
    },
    /// max(0, x).
    Relu,
    /// min(max(0, x), 6).
    Relu6,
    /// Largest value of each window.
    MaxPool(Pool),
    /// Mean of each window, padding counted as zeros.
    AveragePool(Pool),
    /// Mean of each map.
    GlobalAveragePool,
    /// `[channels, height, width]` to `[channels·height·width, 1, 1]`.
    Flatten,
    /// Sum of two values.
    Add,
    /// Two values one after the other, by channel.
    Concat,
    /// Some of the channels.
    Channels {
        /// The first one.
        start: usize,
        /// How many.
        count: usize,
    },
    /// Channel shuffle: `[groups, channels / groups]` transposed.
    Shuffle {
        /// Number of groups.
        groups: usize,
    },
    /// Every second row and column, then channels of zeros before and after: the parameter-free
    /// shortcut (option A) of He et al. 2015.
    PadShortcut {
        /// Step between the rows and columns that are kept.
        stride: usize,
        /// Channels of zeros in front.
        before: usize,
        /// Channels of zeros behind.
        after: usize,
    },
}

/// A square convolution with padding that keeps the size at stride 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conv {
    /// Channels in; filled in by the builder.
    pub(crate) inputs: usize,
    /// Channels out.
    pub(crate) outputs: usize,
    /// Pixels of a side, odd.
    pub(crate) kernel: usize,
    /// Step.
    pub(crate) stride: usize,
    /// Groups of channels that do not see one another.
    pub(crate) groups: usize,
    /// Whether there is one.
    pub(crate) bias: bool,
}

impl Conv {
    /// `kernel` x `kernel`, stride 1, one group, no bias.
    pub(crate) fn new(kernel: usize, outputs: usize) -> Self {
        Self { inputs: 0, outputs, kernel, stride: 1, groups: 1, bias: false }
    }

    pub(crate) fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    pub(crate) fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub(crate) fn with_bias(self) -> Self {
        Self { bias: true, ..self }
    }

    pub(crate) fn padding(&self) -> usize {
        self.kernel / 2
    }

    fn weights(&self) -> u64 {
        (self.inputs / self.groups) as u64 * (self.outputs * self.kernel * self.kernel) as u64
    }
}

/// A square window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pool {
    /// Pixels of a side.
    pub(crate) kernel: usize,
    /// Step.
    pub(crate) stride: usize,
    /// Pixels around the map.
    pub(crate) padding: usize,
}

impl Op {
    /// Shape of the result, `[channels, height, width]`, or what is wrong with the inputs.
    pub(crate) fn shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        let [channels, height, width] = inputs[0];
        let window = |kernel: usize, stride: usize, padding: usize, outputs: usize| {
            let side = |side: usize| {
                let room = (side + 2 * padding).checked_sub(kernel);
                room.map(|room| room / stride + 1).ok_or_else(|| {
                    format!("a map of {height}x{width} under a window of {kernel}x{kernel}")
                })
            };
            Ok([outputs, side(height)?, side(width)?])
        };
        match self {
            Self::Image | Self::Norm { .. } | Self::Dropout { .. } | Self::Relu | Self::Relu6 => {
                Ok(inputs[0])
            }
            Self::Conv(conv) => {
                if !channels.is_multiple_of(conv.groups)
                    || !conv.outputs.is_multiple_of(conv.groups)
                {
                    let Conv { outputs, groups, .. } = conv;
                    return Err(format!("{channels} and {outputs} channels in {groups} groups"));
                }
                window(conv.kernel, conv.stride, conv.padding(), conv.outputs)
            }
            Self::MaxPool(pool) | Self::AveragePool(pool) => {
                window(pool.kernel, pool.stride, pool.padding, channels)
            }
            Self::Linear { outputs, .. } => Ok([*outputs, 1, 1]),
            Self::GlobalAveragePool => Ok([channels, 1, 1]),
            Self::Flatten => Ok([channels * height * width, 1, 1]),
            Self::Add if inputs[0] != inputs[1] => {
                Err(format!("a sum of {:?} and {:?}", inputs[0], inputs[1]))
            }
            Self::Add => Ok(inputs[0]),
            Self::Concat if inputs[0][1..] != inputs[1][1..] => {
                Err(format!("{:?} beside {:?}", inputs[0], inputs[1]))
            }
            Self::Concat => Ok([channels + inputs[1][0], height, width]),
            Self::Channels { count, .. } => Ok([*count, height, width]),
            Self::Shuffle { groups } if !channels.is_multiple_of(*groups) => {
                Err(format!("{channels} channels in {groups} groups"))
            }
            Self::Shuffle { .. } => Ok(inputs[0]),
            Self::PadShortcut { stride, before, after } => {
                let side = |side: usize| side.div_ceil(*stride);
                Ok([channels + before + after, side(height), side(width)])
            }
        }
    }

    /// Parameters and multiply-accumulates for a result of `shape`.
    pub(crate) fn cost(&self, [_, height, width]: [usize; 3]) -> Cost {
        match self {
            Self::Conv(conv) => Cost {
                parameters: conv.weights() + if conv.bias { conv.outputs as u64 } else { 0 },
                macs: conv.weights().saturating_mul((height * width) as u64),
            },
            Self::Norm { channels, .. } => Cost { parameters: 2 * *channels as u64, macs: 0 },
            Self::Linear { inputs, outputs } => {
                let macs = *inputs as u64 * *outputs as u64;
                Cost { parameters: macs + *outputs as u64, macs }
            }
            _ => Cost::zero(),
        }
    }

    /// What it is called where a person reads it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Conv(conv) if conv.groups > 1 && conv.groups == conv.inputs => "depthwise conv",
            Self::Conv(_) => "conv",
            Self::Norm { .. } => "batch norm",
            Self::Linear { .. } => "linear",
            Self::Dropout { .. } => "dropout",
            Self::Relu => "relu",
            Self::Relu6 => "relu6",
            Self::MaxPool(_) => "max pool",
            Self::AveragePool(_) => "average pool",
            Self::GlobalAveragePool => "global average pool",
            Self::Flatten => "flatten",
            Self::Add => "add",
            Self::Concat => "concat",
            Self::Channels { .. } => "channels",
            Self::Shuffle { .. } => "shuffle",
            Self::PadShortcut { .. } => "pad shortcut",
        }
    }
}
