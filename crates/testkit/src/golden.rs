//! Golden files: recorded inputs, losses and gradients.

use std::path::Path;

use serde::Deserialize;

/// Known answers of one objective, made by a script that stands beside the file.
#[derive(Debug, Deserialize)]
pub struct Golden {
    /// The script that wrote the file.
    pub made_by: String,
    /// One entry a shape and setting.
    pub cases: Vec<Case>,
}

/// One set of signals with the loss and its gradients.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// What is special about it.
    pub name: String,
    /// The term as a recipe writes it.
    pub term: serde_json::Value,
    /// Student logits, `[batch, classes]`.
    pub student: Vec<Vec<f64>>,
    /// Teacher logits, `[batch, classes]`.
    pub teacher: Vec<Vec<f64>>,
    /// Labels, `[batch]`.
    pub labels: Vec<i32>,
    /// Which rows count, where not all do.
    #[serde(default)]
    pub mask: Option<Vec<bool>>,
    /// Weight of each row, where they differ.
    #[serde(default)]
    pub sample_weights: Option<Vec<f64>>,
    /// Features of the student, with the loss's gradient.
    #[serde(default)]
    pub student_features: Vec<Numbers>,
    /// Features of the teacher.
    #[serde(default)]
    pub teacher_features: Vec<Numbers>,
    /// What is trained beside the student.
    #[serde(default)]
    pub connector: Vec<Numbers>,
    /// Places of the samples in memory banks.
    #[serde(default)]
    pub positives: Vec<i32>,
    /// Places of other samples in them, for each sample.
    #[serde(default)]
    pub negatives: Vec<Vec<i32>>,
    /// What single precision may be off by, where that is more than usual.
    #[serde(default)]
    pub allowed: Option<f64>,
    /// The loss without its weight.
    pub loss: f64,
    /// Gradient of the loss with respect to the student logits.
    pub gradient: Vec<Vec<f64>>,
}

/// A tensor of a golden file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Numbers {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, flat.
    pub values: Vec<f64>,
    /// The loss's gradient with respect to it.
    #[serde(default)]
    pub gradient: Option<Vec<f64>>,
    /// What it is after the loss was evaluated.
    #[serde(default)]
    pub after: Option<Vec<f64>>,
}

/// Reads a golden file.
///
/// # Panics
/// Where the file is missing or malformed: it is part of the repository.
pub fn read_golden(path: impl AsRef<Path>) -> Golden {
    let path = path.as_ref();
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
