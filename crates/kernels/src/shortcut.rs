//! The parameter-free shortcut of residual networks.

use burn::tensor::{
    module::max_pool2d,
    ops::{MaxPoolOptions, PadMode},
};

use crate::FeatureMaps;

/// Every `stride`th row and column, with channels of zeros before and after: the shortcut of option A
/// (He et al. 2015, arXiv:1512.03385, section 3.3).
pub fn pad_shortcut(x: FeatureMaps, stride: usize, before: usize, after: usize) -> FeatureMaps {
    #[cfg(feature = "flex")]
    if x.is_fast() {
        return crate::flex::pad_shortcut(x, stride, before, after);
    }
    x.map_tensor(|x| {
        let kept = max_pool2d(x, MaxPoolOptions::new([1; 2]).with_stride([stride; 2]));
        kept.pad([(0, 0), (before, after), (0, 0), (0, 0)], PadMode::Constant(0.0))
    })
}
