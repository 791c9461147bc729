//! Expected calibration error: Guo et al. 2017, arXiv:1706.04599, section 2.

use serde::{Deserialize, Serialize};

use crate::evaluation::metric::{Better, Metric, MetricInfo, Rows};

/// Bins of equal width for the calibration error.
const BINS: usize = 15;
/// Sums of a bin: samples, confidence, correct samples.
const EACH: usize = 3;

/// Samples whose likeliest class has a probability in one of 15 bins of equal width.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bin {
    /// Number of samples.
    pub images: usize,
    /// Sum of these probabilities.
    pub confidence: f64,
    /// Samples whose likeliest class is right.
    pub right: usize,
}

/// Mean gap between confidence and accuracy over 15 bins of equal width, weighted by their samples.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationError {
    sums: [f64; BINS * EACH],
}

impl CalibrationError {
    /// The 15 bins, from 0 to 1.
    pub fn bins(&self) -> Vec<Bin> {
        let bins = self.sums.chunks_exact(EACH).map(|sums| Bin {
            images: sums[0] as usize,
            confidence: sums[1],
            right: sums[2] as usize,
        });
        bins.collect()
    }
}

impl Default for CalibrationError {
    fn default() -> Self {
        Self { sums: [0.0; BINS * EACH] }
    }
}

impl Metric for CalibrationError {
    fn info(&self) -> MetricInfo {
        MetricInfo { name: "ece", unit: None, better: Better::Lower }
    }

    fn update(&mut self, rows: &Rows<'_>) {
        for row in rows.iter() {
            let confidence = row.log_p.iter().copied().fold(f64::NEG_INFINITY, f64::max).exp();
            let bin = ((confidence * BINS as f64) as usize).min(BINS - 1);
            let sums = &mut self.sums[bin * EACH..(bin + 1) * EACH];
            sums[0] += 1.0;
            sums[1] += confidence;
            sums[2] += f64::from(u8::from(row.rank() == 0));
        }
    }

    fn sums(&mut self) -> &mut [f64] {
        &mut self.sums
    }

    fn value(&self) -> f64 {
        let bins = self.bins();
        let samples: usize = bins.iter().map(|bin| bin.images).sum();
        let gaps = bins.iter().map(|bin| (bin.confidence - bin.right as f64).abs());
        gaps.sum::<f64>() / samples as f64
    }
}
