//! Dropout.

use burn::tensor::Distribution;

use crate::FeatureMaps;

/// Dropout (Srivastava et al. 2014, JMLR 15:1929), scaled while training as PyTorch's is: each number becomes zero with
/// this probability, and what is kept is multiplied by `1 / (1 - probability)`. Maps without gradients stay as they are.
///
/// The fast operation draws one seed from the device's generator; whether a number is kept is a function of the seed
/// and its place, so the backward pass asks again in place of keeping a mask. Elsewhere the mask is drawn by the
/// backend, and is another one.
///
/// # Panics
/// Where `probability` is not in `[0, 1)`.
pub fn dropout(x: FeatureMaps, probability: f64) -> FeatureMaps {
    assert!((0.0..1.0).contains(&probability), "a probability in [0, 1), not {probability}");
    if probability == 0.0 || !x.is_autodiff() {
        return x;
    }
    #[cfg(feature = "flex")]
    if x.is_fast() {
        return crate::flex::dropout(x, probability);
    }
    let keep = 1.0 - probability;
    x.map(|x| {
        let kept = x.random_like(Distribution::Bernoulli(keep));
        x * kept * (1.0 / keep)
    })
}
