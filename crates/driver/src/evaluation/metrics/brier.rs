//! Brier score: Brier 1950.

use crate::evaluation::metric::{Better, Metric, MetricInfo, Rows};

/// Mean squared distance of the probabilities from the one-hot label, in `[0, 2]`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Brier {
    /// Squared distances, samples.
    sums: [f64; 2],
}

impl Metric for Brier {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "brier", unit: None, better: Better::Lower }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            let squares = row.log_p.iter().enumerate().map(|(class, log_p)| {
                let label = if class == row.target { 1.0 } else { 0.0 };
                (log_p.exp() - label).powi(2)
            });
            self.sums[0] += squares.sum::<f64>();
            self.sums[1] += 1.0;
        }
    }

    fn sums(&mut self) -> &mut [f64] {
        &mut self.sums
    }

    fn value(&self) -> f64 {
        self.sums[0] / self.sums[1]
    }
}
