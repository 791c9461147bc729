//! Balanced accuracy.

use crate::evaluation::{
    class_counts::{ClassCounts, mean},
    metric::{Better, Metric, MetricInfo, Rows},
};

/// Mean of the recall of the classes that have images: scikit-learn's `balanced_accuracy_score`.
#[derive(Debug, Clone)]
pub struct BalancedAccuracy(ClassCounts);

impl BalancedAccuracy {
    /// The metric for so many classes.
    pub fn new(classes: usize) -> Self {
        Self(ClassCounts::new(classes))
    }
}

impl Metric for BalancedAccuracy {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "balanced_accuracy", unit: None, better: Better::Higher }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            self.0.add(row.logits, row.target);
        }
    }

    fn sums(&mut self) -> &mut [f64] {
        self.0.sums()
    }

    fn value(&self) -> f64 {
        mean(self.0.scores().filter(|class| class.images > 0).map(|class| class.recall))
    }
}
