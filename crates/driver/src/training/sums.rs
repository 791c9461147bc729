//! Sums over the samples of an epoch, or of a line of `metrics.jsonl`.

use serde::{Deserialize, Serialize};

use super::step_metrics::StepValues;

/// Sums over training samples, in double precision and in the order of the steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(super) images: f64,
    pub(super) loss: f64,
    pub(super) correct: f64,
    pub(super) terms: Vec<TermSum>,
}

/// Sum of a term over the samples of the epochs in which it counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct TermSum {
    pub(super) images: f64,
    pub(super) value: f64,
}

impl Sums {
    /// Adds the means of a batch; `terms` are the places of those that it has.
    pub(super) fn add(&mut self, images: f64, values: &StepValues<'_>, terms: &[usize]) {
        self.images += images;
        self.correct += values.correct;
        self.loss += values.loss * images;
        for (term, value) in terms.iter().zip(values.terms) {
            self.terms[*term].images += images;
            self.terms[*term].value += value * images;
        }
    }
}
