//! ONNX, out and back.

mod run;
mod write;

pub use run::OnnxNetwork;
pub use write::to_onnx;
