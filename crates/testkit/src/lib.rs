#![doc = include_str!("../README.md")]

mod compared;
mod differences;
mod golden;

use burn::tensor::{DType, Device, Tensor, TensorData};

pub use compared::Compared;
pub use differences::{numeric_gradient, relative_l2};
pub use golden::{Case, Golden, Numbers, read_golden};

/// Every CPU backend that the project runs on, with its name.
pub fn cpu_devices() -> Vec<(&'static str, Device)> {
    #[expect(deprecated, reason = "the project runs on ndarray until Burn 0.23 drops it")]
    let ndarray = Device::ndarray();
    vec![("flex", Device::flex()), ("ndarray", ndarray)]
}

/// A matrix from its rows, in single precision.
pub fn matrix(rows: &[Vec<f64>], device: &Device) -> Tensor<2> {
    matrix_in(rows, device, DType::F32)
}

/// A matrix from its rows.
pub fn matrix_in(rows: &[Vec<f64>], device: &Device, dtype: DType) -> Tensor<2> {
    let shape = [rows.len(), rows.first().map_or(0, Vec::len)];
    let values: Vec<f64> = rows.iter().flatten().copied().collect();
    Tensor::from_data(TensorData::new(values, shape), (device, dtype))
}

/// All values of a tensor, as `f64`.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Logits that differ from row to row and class to class, the same on every machine:
/// `[batch, classes]` values in about `[-2, 2]`.
pub fn synthetic_logits(batch: usize, classes: usize, variant: u64) -> Vec<Vec<f64>> {
    let mut rows = vec![vec![0.0; classes]; batch];
    for (number, value) in (1_u64..).zip(rows.iter_mut().flatten()) {
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ variant;
        let bits = mixed.wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 40;
        *value = bits as f64 / f64::from(1 << 24) * 4.0 - 2.0;
    }
    rows
}
