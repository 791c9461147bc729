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

/// One set of signals with the loss and its gradient.
#[derive(Debug, Deserialize)]
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
    /// The loss without its weight, nats.
    pub loss: f64,
    /// Gradient of the loss with respect to the student logits.
    pub gradient: Vec<Vec<f64>>,
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
