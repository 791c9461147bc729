//! Negative log-likelihood.

use crate::evaluation::metric::{Better, Metric, MetricInfo, Rows};

/// Mean −log p of the right class, nats.
#[derive(Debug, Clone, Copy, Default)]
pub struct NegativeLogLikelihood {
    /// −log p, samples.
    sums: [f64; 2],
}

impl Metric for NegativeLogLikelihood {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "nll", unit: Some("nats"), better: Better::Lower }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            self.sums[0] -= row.log_p[row.target];
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
