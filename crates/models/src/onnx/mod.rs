//! ONNX, out and back.

mod external;
mod rewrite;
mod run;
mod write;

pub use run::OnnxNetwork;
pub use write::{OPSETS, OnnxForm, to_onnx};
