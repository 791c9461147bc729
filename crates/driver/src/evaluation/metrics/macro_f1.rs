//! Macro F1.

use crate::evaluation::{
    class_counts::{ClassCounts, mean},
    metric::{Better, Metric, MetricInfo, Rows},
};

/// Mean of the F1 of the classes that have images or predictions: scikit-learn's `f1_score(average="macro",
/// zero_division=0)`.
#[derive(Debug, Clone)]
pub struct MacroF1(ClassCounts);

impl MacroF1 {
    /// The metric for so many classes.
    pub fn new(classes: usize) -> Self {
        Self(ClassCounts::new(classes))
    }
}

impl Metric for MacroF1 {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "macro_f1", unit: None, better: Better::Higher }
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
        let occurring = self.0.scores().filter(|class| class.images + class.predicted > 0);
        mean(occurring.map(|class| class.f1))
    }
}
