//! Feature maps in the forms that losses compare.

use burn::tensor::{Int, Tensor, module::adaptive_avg_pool2d};

use crate::{SignalError, range::in_range};

/// Both maps at the size of the smaller one: the larger is averaged over windows.
pub(super) fn at_smaller_size([student, teacher]: [Tensor<4>; 2]) -> [Tensor<4>; 2] {
    let ([_, _, h_s, w_s], [_, _, h_t, w_t]) = (student.dims(), teacher.dims());
    match () {
        () if (h_s, w_s) == (h_t, w_t) => [student, teacher],
        () if h_s > h_t || (h_s == h_t && w_s > w_t) => {
            [adaptive_avg_pool2d(student, [h_t, w_t]), teacher]
        }
        () => [student, adaptive_avg_pool2d(teacher, [h_s, w_s])],
    }
}

/// Means over height and width, `[batch, channels]`.
pub(super) fn pooled(map: Tensor<4>) -> Tensor<2> {
    let [batch, channels, height, width] = map.dims();
    let flat = map.reshape([batch, channels, height * width]);
    flat.mean_dim(2).reshape([batch, channels])
}

/// Refuses to normalise the channels of a map over one value each: the result would not depend on it.
pub(super) fn check_norm(term: &'static str, map: &Tensor<4>) -> Result<(), SignalError> {
    let [batch, _, height, width] = map.dims();
    if batch * height * width < 2 { Err(SignalError::OneValue { term }) } else { Ok(()) }
}

/// All numbers of a sample in a row, `[batch, channels · height · width]`.
pub(super) fn flat(map: Tensor<4>) -> Tensor<2> {
    let [batch, channels, height, width] = map.dims();
    map.reshape([batch, channels * height * width])
}

/// Its square stands under the root of norms: a vector of zeros stays one, with a finite gradient. PyTorch's
/// `normalize` takes the larger of the norm and this.
const SMALLEST_NORM: f64 = 1e-12;

/// Vectors along `dim` with norm 1.
pub(super) fn unit<const D: usize>(vectors: Tensor<D>, dim: usize) -> Tensor<D> {
    unit_beside(vectors, dim, 0.0)
}

/// Vectors along `dim` divided by their norm and `beside`.
pub(super) fn unit_beside<const D: usize>(
    vectors: Tensor<D>,
    dim: usize,
    beside: f64,
) -> Tensor<D> {
    let (vectors, scale) = in_range(vectors, dim);
    let squares = vectors.clone().powi_scalar(2).sum_dim(dim);
    let smallest = scale.clone().powi_scalar(2).recip() * (SMALLEST_NORM * SMALLEST_NORM);
    vectors / ((squares + smallest).sqrt() + scale.recip() * beside)
}

/// Products of all pairs of rows, `[rows, columns]` to `[rows, rows]`.
pub(super) fn products(rows: Tensor<2>) -> Tensor<2> {
    rows.clone().matmul(rows.transpose())
}

/// The map at another size, each pixel that of the nearest, as PyTorch's `interpolate(mode="nearest")`.
pub(super) fn nearest(map: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [_, _, from_height, from_width] = map.dims();
    let device = map.device();
    let places = |from: usize, to: usize| -> Tensor<1, Int> {
        let places: Vec<i32> = (0..to).map(|at| (at * from / to) as i32).collect();
        Tensor::from_data(places.as_slice(), &device)
    };
    let mut map = map;
    if height != from_height {
        map = map.select(2, places(from_height, height));
    }
    if width != from_width {
        map = map.select(3, places(from_width, width));
    }
    map
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use distill_testkit::values;

    use super::*;

    #[test]
    fn maps_change_their_size_as_in_pytorch() {
        let device = Device::flex();
        let map = Tensor::<1>::from_data([1.0, 2.0, 3.0, 4.0], &device).reshape([1, 1, 2, 2]);
        let large = values(nearest(map.clone(), [3, 4]));
        assert_eq!(large, [1., 1., 2., 2., 1., 1., 2., 2., 3., 3., 4., 4.]);
        assert_eq!(values(pooled(map.clone())), [2.5]);
        let wide = nearest(map.clone(), [4, 4]);
        let [student, teacher] = at_smaller_size([wide, map.clone()]);
        assert_eq!((values(student), teacher.dims()), (values(map), [1, 1, 2, 2]));
    }

    #[test]
    fn vectors_of_zeros_stay_zeros() {
        let device = Device::flex().autodiff();
        let zeros = Tensor::<2>::zeros([2, 3], &device).require_grad();
        let unit = unit(zeros.clone(), 1);
        let gradient = values(zeros.grad(&unit.clone().sum().backward()).unwrap());
        assert!(values(unit).iter().all(|value| *value == 0.0));
        assert!(gradient.iter().all(|value| value.is_finite()), "{gradient:?}");
    }
}
