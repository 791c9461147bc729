#![doc = include_str!("../README.md")]

mod error;
mod feature;
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
pub mod weights;
mod zoo;

pub use error::ModelError;
pub use feature::Feature;
pub use graph::{Footprint, Graph, LayerInfo};
pub use input::{Cost, InputSpec, NetworkInput, OutputSpec, Signature};
pub use network::Network;
pub use norm::{BatchStatNorm, Norm, NormKind};
pub use rand_core;
pub use recompute::Checkpointed;
pub use zoo::{
    Architecture, DenseNetConfig, EfficientNetLiteConfig, MODELS, MlpConfig, MobileNetV2Config,
    MobileNetV2Layout, ModelInfo, Overrides, ResNetCifarConfig, ResNetConfig, ResNetStem, Shortcut,
    ShuffleNetV1Config, ShuffleNetV2Config, VggConfig, VggLayout, WideResNetConfig,
};
