//! What is added up over the images of an epoch, or of a line of `metrics.jsonl`.

use serde::{Deserialize, Serialize};

/// Sums over training images, kept in double precision and in the order of the steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sums {
    pub(super) images: f64,
    pub(super) loss: f64,
    pub(super) correct: f64,
    pub(super) terms: Vec<TermSum>,
}

/// A term counts in some epochs alone, so that it has images of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TermSum {
    pub(super) images: f64,
    pub(super) value: f64,
}

impl Sums {
    /// Adds `[right, loss, terms...]` of a batch, the terms to those of these places.
    pub(super) fn add(&mut self, images: f64, seen: &[f64], terms: &[usize]) {
        self.images += images;
        self.correct += seen[0];
        self.loss += seen[1] * images;
        for (term, value) in terms.iter().zip(&seen[2..]) {
            self.terms[*term].images += images;
            self.terms[*term].value += value * images;
        }
    }
}
