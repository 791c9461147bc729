//! Images, predictions and correct predictions of each class, and the scores that follow from them.

use serde::{Deserialize, Serialize};

use super::metric::{likeliest, rank};

/// Counts of each class over rows that stream by.
#[derive(Debug, Clone)]
pub(super) struct ClassCounts {
    /// By class: images, predictions, correct predictions.
    sums: Vec<f64>,
}

/// Scores of one class, as scikit-learn's `precision_recall_fscore_support(zero_division=0)` has them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClassScores {
    /// Images of the class.
    pub images: usize,
    /// Those that are right.
    pub right: usize,
    /// Images that are classified as it, rightly or not.
    pub predicted: usize,
    /// Share of what is classified as it that is of it; 0 where nothing is.
    pub precision: f64,
    /// Share of its images that are right; 0 without images.
    pub recall: f64,
    /// Harmonic mean of precision and recall; 0 where both are.
    pub f1: f64,
}

impl ClassCounts {
    pub(super) fn new(classes: usize) -> Self {
        Self { sums: vec![0.0; 3 * classes] }
    }

    /// Adds a row of logits whose right class is `target`.
    pub(super) fn add(&mut self, logits: &[f32], target: usize) {
        self.sums[3 * target] += 1.0;
        self.sums[3 * likeliest(logits) + 1] += 1.0;
        // Not whether both are the same class: a row without numbers has a likeliest class and is wrong.
        self.sums[3 * target + 2] += f64::from(u8::from(rank(logits, target) == 0));
    }

    pub(super) fn sums(&mut self) -> &mut [f64] {
        &mut self.sums
    }

    /// Scores of each class.
    pub(super) fn scores(&self) -> impl Iterator<Item = ClassScores> {
        let counts = self.sums.chunks_exact(3).map(|counts| [counts[0], counts[1], counts[2]]);
        counts.map(|counts| ClassScores::of(counts.map(|count| count as usize)))
    }
}

impl ClassScores {
    /// Scores of a class with so many images, predictions and correct predictions.
    pub(crate) fn of([images, predicted, right]: [usize; 3]) -> Self {
        let share = |of: usize, all: usize| if all == 0 { 0.0 } else { of as f64 / all as f64 };
        Self {
            images,
            right,
            predicted,
            precision: share(right, predicted),
            recall: share(right, images),
            f1: share(2 * right, images + predicted),
        }
    }
}

/// Mean of some numbers; NaN of none.
pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), value| (sum + value, count + 1.0));
    sum / count
}
