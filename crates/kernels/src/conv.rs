//! Convolutions.

use burn::tensor::{Tensor, module, ops::ConvOptions as BurnOptions};

use crate::{Activation, After, ConvOptions, FeatureMaps, PackedWeights, Statistics};

/// Convolution with a square window. Gradients reach the maps, the weights and the bias.
///
/// `packed` may be given where no gradient is wanted; it is not looked at otherwise.
///
/// # Shapes
/// - `weight`: `[outputs, inputs / groups, kernel, kernel]`
/// - `bias`: `[outputs]`
/// - output: `[batch, outputs, (height + 2·padding − kernel) / stride + 1, width likewise]`
pub fn conv2d(
    x: FeatureMaps,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions,
    packed: Option<&PackedWeights>,
) -> FeatureMaps {
    #[cfg(feature = "flex")]
    if x.is_fast() {
        return crate::flex::conv2d(x, weight, bias, options, packed);
    }
    let _ = packed;
    x.map_tensor(|x| composed(x, weight, bias, options))
}

/// A convolution and what follows it in a network that does not learn, in one pass:
/// activation(norm(conv(x)) + residual), where the norm has given statistics.
///
/// # Shapes
/// As of [`conv2d`]; `gamma`, `beta` and the statistics are `[outputs]`, the residual has the output's.
///
/// # Panics
/// Where the statistics are the batch's: they are not known before the convolution is done.
pub fn conv2d_then(
    x: FeatureMaps,
    (weight, bias): (Tensor<4>, Option<Tensor<1>>),
    options: ConvOptions,
    packed: Option<&PackedWeights>,
    norm: (Tensor<1>, Tensor<1>, Statistics, f64),
    residual: Option<FeatureMaps>,
    activation: Activation,
) -> FeatureMaps {
    #[cfg(feature = "flex")]
    if x.is_fast() && !x.is_autodiff() {
        let weights = (weight, bias);
        return crate::flex::conv2d_then(x, weights, options, packed, norm, residual, activation);
    }
    let y = conv2d(x, weight, bias, options, packed);
    let (gamma, beta, statistics, epsilon) = norm;
    assert!(!matches!(statistics, Statistics::OfBatch), "statistics are given");
    let after = After { residual, activation, pool: false };
    crate::batch_norm(y, gamma, beta, statistics, epsilon, after).0
}

fn composed(
    x: Tensor<4>,
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    options: ConvOptions,
) -> Tensor<4> {
    let ConvOptions { stride, padding, groups } = options;
    let options = BurnOptions::new([stride; 2], [padding; 2], [1; 2], groups);
    module::conv2d(x, weight, bias, options)
}
