//! Top-k accuracy.

use crate::evaluation::metric::{Better, Metric, MetricInfo, Rows};

/// Share of samples whose right class is among the `k` likeliest.
#[derive(Debug, Clone, Copy)]
pub struct TopK {
    k: usize,
    /// Correct samples, samples.
    sums: [f64; 2],
}

impl TopK {
    /// The metric for the `k` likeliest classes.
    pub fn new(k: usize) -> Self {
        Self { k, sums: [0.0; 2] }
    }
}

impl Metric for TopK {
    fn info(&self) -> MetricInfo {
        let name = match self.k {
            1 => "top1",
            5 => "top5",
            _ => "top_k",
        };
        MetricInfo { name, unit: None, better: Better::Higher }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            self.sums[0] += f64::from(u8::from(row.rank() < self.k));
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
