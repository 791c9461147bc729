#![doc = include_str!("../README.md")]

mod activation;
mod conv;
#[cfg(any(feature = "flex", test))]
#[cfg_attr(
    not(feature = "flex"),
    expect(dead_code, unused_imports, reason = "for its tests alone")
)]
mod cpu;
mod dropout;
mod feature_maps;
#[cfg(feature = "flex")]
mod flex;
mod norm;
mod options;
mod packed;
mod shortcut;

pub use activation::Activation;
pub use conv::{conv2d, conv2d_then};
#[cfg(feature = "flex")]
pub use cpu::{Path, measured_peak, poison};
pub use dropout::dropout;
pub use feature_maps::FeatureMaps;
pub use norm::{batch_norm, max_pool_2x2};
pub use options::{After, ConvOptions, Statistics};
pub use packed::PackedWeights;
pub use shortcut::pad_shortcut;
