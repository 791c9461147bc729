#![doc = include_str!("../README.md")]

mod error;
pub mod initialise;
mod input;
mod mlp;
mod norm;
mod taps;
mod vgg;
pub mod weights;
mod zoo;

pub use error::ModelError;
pub use input::{Cost, Signature};
pub use mlp::{Mlp, MlpConfig};
pub use norm::{BatchStatNorm, Norm, NormKind};
pub use rand_core;
pub use taps::Tap;
pub use vgg::{Vgg, VggConfig};
pub use zoo::{Architecture, MODELS, ModelInfo, Network, Overrides};
