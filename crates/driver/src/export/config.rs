//! Settings of an export.

use distill_models::{onnx::OnnxForm, weights::Precision};
use serde::{Deserialize, Serialize};

use crate::Stage;

/// A kind of file that a network leaves as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// Burn's `.bpk`.
    Bpk,
    /// For PyTorch and everything else that reads safetensors.
    Safetensors,
    /// For inference runtimes.
    Onnx,
}

impl ExportFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bpk, Self::Safetensors, Self::Onnx];

    /// Name of the student's file.
    pub fn file(self) -> &'static str {
        match self {
            Self::Bpk => "student.bpk",
            Self::Safetensors => "student.safetensors",
            Self::Onnx => "student.onnx",
        }
    }

    /// Name of the file of a stage's network.
    pub fn file_of(self, stage: Stage) -> String {
        self.file().replacen(Stage::Student.name(), stage.name(), 1)
    }
}

/// How a network leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportConfig {
    /// Which files are written, without those that the network cannot be written as.
    pub formats: Vec<ExportFormat>,
    /// Type of the weights in them.
    pub precision: Precision,
    /// Operator set and batch of the ONNX file.
    pub onnx: OnnxForm,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            formats: ExportFormat::ALL.to_vec(),
            precision: Precision::Single,
            onnx: OnnxForm::default(),
        }
    }
}
