//! ONNX, out and back.

mod external;
mod quantised;
mod rewrite;
mod run;
#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests;
mod write;

pub use run::OnnxNetwork;
pub use write::{OPSETS, OnnxForm, to_onnx};
