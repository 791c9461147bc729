//! Initial weights of connectors.

use burn::tensor::{DType, Device, Tensor, TensorData};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Source of the initial weights of connectors: random numbers from a seed, on the device and in the precision of the
/// features that are compared. A seed gives the same weights on every device.
#[derive(Debug)]
pub struct Initial {
    rng: ChaCha8Rng,
    device: Device,
    dtype: DType,
}

impl Initial {
    /// Weights of a seed, in single or double precision.
    pub fn new(seed: u64, device: Device, dtype: DType) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), device, dtype }
    }

    /// Numbers uniform in ±`bound`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Tensor<D> {
        let count = shape.iter().product();
        let values: Vec<f64> =
            (0..count).map(|_| (2.0 * unit(self.rng.next_u64()) - 1.0) * bound).collect();
        Tensor::from_data(TensorData::new(values, shape), (&self.device, self.dtype))
    }

    /// One number everywhere.
    pub fn constant<const D: usize>(&self, shape: [usize; D], value: f64) -> Tensor<D> {
        Tensor::full(shape, value, (&self.device, self.dtype))
    }
}

/// The highest 53 of the bits, as a number in `[0, 1)`.
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}
