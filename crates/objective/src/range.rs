//! Numbers so large that their squares leave single precision, brought into range.

use burn::tensor::Tensor;

/// Larger numbers are scaled down: sums of a million of their squares stay in single precision.
const LARGEST: f64 = 1e9;

/// Vectors along `dim` and what each was divided by: 1 unless it holds a number above 1e9 in size, else its largest.
pub(crate) fn in_range<const D: usize>(vectors: Tensor<D>, dim: usize) -> (Tensor<D>, Tensor<D>) {
    let scale = vectors.clone().detach().abs().max_dim(dim);
    divided(vectors, scale, LARGEST)
}

/// Numbers divided by the largest of all where that is above `largest`.
pub(crate) fn all_in_range<const D: usize>(numbers: Tensor<D>, largest: f64) -> Tensor<D> {
    let scale = numbers.clone().detach().abs().max().reshape([1; D]);
    divided(numbers, scale, largest).0
}

/// As [`all_in_range`] with the usual bound, for what is squared once.
pub(crate) fn squares_in_range<const D: usize>(numbers: Tensor<D>) -> Tensor<D> {
    all_in_range(numbers, LARGEST)
}

fn divided<const D: usize>(
    numbers: Tensor<D>,
    scale: Tensor<D>,
    largest: f64,
) -> (Tensor<D>, Tensor<D>) {
    let usual = scale.clone().lower_equal_elem(largest);
    let scale = scale.mask_fill(usual, 1.0);
    (numbers / scale.clone(), scale)
}
