//! Criterion benches of the workspace: `cargo xtask bench`. Seeds are fixed, sizes stand in the names.

use burn::tensor::{Device, Int, Tensor, TensorData};
use distill_datasets::keyed::{KeyedRng, Operation};

/// A batch of labels below `classes`.
pub fn labels(batch: usize, classes: usize, device: &Device) -> Tensor<1, Int> {
    let labels: Vec<i32> = (0..batch).map(|i| (i % classes) as i32).collect();
    Tensor::from_data(TensorData::new(labels, [batch]), device)
}

/// Numbers in `[-2, 2)`, the same in each run.
pub fn numbers<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut rng = KeyedRng::new(seed, 0, 0, Operation::Draw);
    let count = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|_| rng.between(-2.0, 2.0) as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
