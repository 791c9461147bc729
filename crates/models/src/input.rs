use serde::{Deserialize, Serialize};

/// What a network takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Channels of the image: 1 or 3 as a rule.
    pub channels: usize,
    /// Rows of the image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Number of classes, at least 2.
    pub classes: usize,
}

/// What a network costs, from its configuration alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable numbers. Running statistics are not counted, as in the literature.
    pub parameters: u64,
    /// Multiply-accumulate operations of convolutions and linear layers for one image.
    pub macs: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.parameters += other.parameters;
        self.macs += other.macs;
    }
}

impl Cost {
    pub(crate) fn zero() -> Self {
        Self { parameters: 0, macs: 0 }
    }

    /// A linear layer with bias.
    pub(crate) fn linear(inputs: usize, outputs: usize) -> Self {
        let macs = (inputs * outputs) as u64;
        Self { parameters: macs + outputs as u64, macs }
    }

    /// A square convolution with bias, stride 1 and padding that keeps `height` and `width`.
    pub(crate) fn convolution(
        [inputs, outputs]: [usize; 2],
        kernel: usize,
        [height, width]: [usize; 2],
    ) -> Self {
        let weights = (inputs * outputs * kernel * kernel) as u64;
        Self { parameters: weights + outputs as u64, macs: weights * (height * width) as u64 }
    }

    /// Scale and shift of a batch norm.
    pub(crate) fn norm(channels: usize) -> Self {
        Self { parameters: 2 * channels as u64, macs: 0 }
    }
}
