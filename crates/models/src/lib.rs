#![doc = include_str!("../README.md")]

mod error;
mod graph;
mod initialise;
mod input;
mod network;
mod norm;
#[cfg(feature = "onnx")]
pub mod onnx;
#[cfg(feature = "onnx")]
mod proto;
mod recompute;
mod state;
mod taps;
pub mod weights;
mod zoo;

pub use error::ModelError;
pub use graph::{Footprint, Graph, LayerInfo};
pub use input::{Cost, Signature};
pub use network::Network;
pub use norm::{BatchStatNorm, Norm, NormKind};
pub use rand_core;
pub use recompute::Parted;
pub use taps::Tap;
pub use zoo::{
    Architecture, MODELS, MlpConfig, MobileNetV2Config, MobileNetV2Layout, ModelInfo, Overrides,
    ResNetCifarConfig, ResNetConfig, Shortcut, ShuffleNetV1Config, ShuffleNetV2Config, VggConfig,
    VggLayout, WideResNetConfig,
};
