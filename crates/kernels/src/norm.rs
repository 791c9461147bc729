//! Batch norm and what follows it.

use burn::tensor::{
    Tensor,
    activation::relu,
    module::{batch_norm as composed_norm, batch_norm_train, max_pool2d},
    ops::MaxPoolOptions,
};

use crate::{Activation, After, FeatureMaps, Statistics};

/// Batch norm over batch and pixels (Ioffe and Szegedy 2015, arXiv:1502.03167), and what follows it.
/// Gives the output and, where they are the batch's, mean and biased variance of each channel.
/// Gradients reach `x`, `gamma`, `beta` and the residual.
///
/// # Shapes
/// - `gamma`, `beta`, mean and variance: `[channels]`
///
/// # Panics
/// With a residual and pooling both.
pub fn batch_norm(
    x: FeatureMaps,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    statistics: Statistics,
    epsilon: f64,
    after: After,
) -> (FeatureMaps, Option<(Tensor<1>, Tensor<1>)>) {
    assert!(after.residual.is_none() || !after.pool, "a sum is not pooled at once");
    #[cfg(feature = "flex")]
    if x.is_fast() {
        return crate::flex::batch_norm(x, gamma, beta, statistics, epsilon, after);
    }
    let x = x.into_tensor();
    let (y, used) = match statistics {
        Statistics::OfBatch => {
            let result = batch_norm_train(x, gamma, beta, epsilon);
            (result.output, Some((result.mean, result.variance)))
        }
        Statistics::Given(mean, variance) => {
            (composed_norm(x, gamma, beta, mean, variance, epsilon), None)
        }
    };
    let y = match after.residual {
        Some(residual) => y + residual.into_tensor(),
        None => y,
    };
    let y = match after.activation {
        Activation::Identity => y,
        Activation::Relu => relu(y),
        Activation::Relu6 => y.clamp(0.0, 6.0),
    };
    let y = if after.pool { halved(y) } else { y };
    (FeatureMaps::new(y), used)
}

/// The largest of each 2x2 pixels. A last odd row and column are left out.
pub fn max_pool_2x2(x: FeatureMaps) -> FeatureMaps {
    #[cfg(feature = "flex")]
    if x.is_fast() {
        return crate::flex::max_pool_2x2(x);
    }
    x.map_tensor(halved)
}

fn halved(x: Tensor<4>) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new([2; 2]).with_stride([2; 2]))
}
