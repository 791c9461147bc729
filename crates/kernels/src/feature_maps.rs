//! Feature maps in the memory format that suits the device.

use burn::tensor::{DType, FloatDType, Tensor, ops::PadMode};

/// A batch of feature maps, channels last in memory where the fast operations run and channels first
/// elsewhere. Sizes are always given channels first.
#[derive(Debug, Clone)]
pub struct FeatureMaps {
    tensor: Tensor<4>,
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// `[batch, channels, height, width]`
    ChannelsFirst,
    /// `[batch, height, width, channels]`
    ChannelsLast,
}

impl FeatureMaps {
    /// Takes maps over from a tensor.
    ///
    /// # Shapes
    /// - `tensor`: `[batch, channels, height, width]`
    pub fn new(tensor: Tensor<4>) -> Self {
        if is_fast(&tensor) {
            let tensor = tensor.permute([0, 2, 3, 1]);
            Self { tensor, format: Format::ChannelsLast }
        } else {
            Self { tensor, format: Format::ChannelsFirst }
        }
    }

    /// Maps of one pixel: a layer's units.
    ///
    /// # Shapes
    /// - `units`: `[batch, channels]`
    pub fn of_units(units: Tensor<2>) -> Self {
        let [batch, channels] = units.dims();
        let tensor = units.reshape([batch, 1, 1, channels]);
        if is_fast(&tensor) {
            return Self { tensor, format: Format::ChannelsLast };
        }
        let tensor = tensor.reshape([batch, channels, 1, 1]);
        Self { tensor, format: Format::ChannelsFirst }
    }

    /// The maps as a tensor `[batch, channels, height, width]`.
    pub fn into_tensor(self) -> Tensor<4> {
        match self.format {
            Format::ChannelsFirst => self.tensor,
            Format::ChannelsLast => self.tensor.permute([0, 3, 1, 2]),
        }
    }

    /// `[batch, channels, height, width]`.
    pub fn dims(&self) -> [usize; 4] {
        let dims = self.tensor.dims();
        match self.format {
            Format::ChannelsFirst => dims,
            Format::ChannelsLast => [dims[0], dims[3], dims[1], dims[2]],
        }
    }

    /// Whether gradients can flow through the maps.
    pub fn is_autodiff(&self) -> bool {
        self.tensor.device().is_autodiff()
    }

    /// Whether the fast operations work on these maps.
    pub fn is_fast(&self) -> bool {
        self.format == Format::ChannelsLast
    }

    /// The same maps in another precision.
    #[must_use]
    pub fn cast(self, precision: FloatDType) -> Self {
        if self.tensor.dtype() == DType::from(precision) {
            return self;
        }
        // The fast operations may work on the one and not on the other.
        self.map_tensor(|maps| maps.cast(precision))
    }

    /// A function of each number by itself.
    pub fn map(self, f: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        Self { tensor: f(self.tensor), format: self.format }
    }

    /// A function of the maps as a tensor `[batch, channels, height, width]`.
    pub fn map_tensor(self, f: impl FnOnce(Tensor<4>) -> Tensor<4>) -> Self {
        Self::new(f(self.into_tensor()))
    }

    /// The sum of two batches of the same sizes.
    #[expect(clippy::should_implement_trait, reason = "both are consumed, as with tensors")]
    pub fn add(self, other: Self) -> Self {
        let other = other.in_format(self.format);
        Self { tensor: self.tensor + other, format: self.format }
    }

    /// The channels of two batches, one after the other.
    pub fn concat(self, other: Self) -> Self {
        let other = other.in_format(self.format);
        let tensor = Tensor::cat(vec![self.tensor, other], self.format.channels());
        Self { tensor, format: self.format }
    }

    /// Some of the channels.
    pub fn channels(self, start: usize, count: usize) -> Self {
        let tensor = self.tensor.narrow(self.format.channels(), start, count);
        Self { tensor, format: self.format }
    }

    /// Zeros around each map: rows above and below, columns on the left and on the right.
    #[must_use]
    pub fn pad(self, rows: [usize; 2], columns: [usize; 2]) -> Self {
        let (rows, columns) = (rows.into(), columns.into());
        let sides = match self.format {
            Format::ChannelsFirst => [(0, 0), (0, 0), rows, columns],
            Format::ChannelsLast => [(0, 0), rows, columns, (0, 0)],
        };
        Self { tensor: self.tensor.pad(sides, PadMode::Constant(0.0)), format: self.format }
    }

    /// Channels `[groups, channels / groups]` transposed.
    pub fn shuffle(self, groups: usize) -> Self {
        let [batch, channels, height, width] = self.dims();
        let each = channels / groups;
        let tensor = match self.format {
            Format::ChannelsFirst => {
                let split = self.tensor.reshape([batch, groups, each, height, width]);
                split.swap_dims(1, 2).reshape([batch, channels, height, width])
            }
            Format::ChannelsLast => {
                let split = self.tensor.reshape([batch, height, width, groups, each]);
                split.swap_dims(3, 4).reshape([batch, height, width, channels])
            }
        };
        Self { tensor, format: self.format }
    }

    /// The mean of each map, `[batch, channels]`.
    pub fn means(self) -> Tensor<2> {
        let [batch, channels, height, width] = self.dims();
        if height * width == 1 {
            return self.tensor.reshape([batch, channels]);
        }
        match self.format {
            Format::ChannelsFirst => {
                let pixels = self.tensor.reshape([batch, channels, height * width]);
                pixels.mean_dim(2).reshape([batch, channels])
            }
            Format::ChannelsLast => {
                let pixels = self.tensor.reshape([batch, height * width, channels]);
                pixels.mean_dim(1).reshape([batch, channels])
            }
        }
    }

    fn in_format(self, format: Format) -> Tensor<4> {
        match (self.format, format) {
            (Format::ChannelsLast, Format::ChannelsFirst) => self.tensor.permute([0, 3, 1, 2]),
            (Format::ChannelsFirst, Format::ChannelsLast) => self.tensor.permute([0, 2, 3, 1]),
            _ => self.tensor,
        }
    }

    #[cfg(feature = "flex")]
    pub(crate) fn channels_last(self) -> Tensor<4> {
        self.in_format(Format::ChannelsLast)
    }

    #[cfg(feature = "flex")]
    pub(crate) fn of_channels_last(tensor: Tensor<4>) -> Self {
        Self { tensor, format: Format::ChannelsLast }
    }
}

impl Format {
    fn channels(self) -> usize {
        match self {
            Self::ChannelsFirst => 1,
            Self::ChannelsLast => 3,
        }
    }
}

/// Whether maps of this tensor go through the fast operations: single precision on flex, every
/// activation kept for the backward pass.
#[cfg(feature = "flex")]
fn is_fast(tensor: &Tensor<4>) -> bool {
    use burn::{backend::DispatchDevice, tensor::GradientCheckpointingStrategy};

    let device = tensor.device();
    let keeps = !matches!(
        device.gradient_checkpointing_strategy(),
        Some(GradientCheckpointingStrategy::Balanced)
    );
    let device = device.without_autodiff();
    keeps && tensor.dtype() == DType::F32 && matches!(device.as_dispatch(), DispatchDevice::Flex(_))
}

#[cfg(not(feature = "flex"))]
fn is_fast(_tensor: &Tensor<4>) -> bool {
    false
}
