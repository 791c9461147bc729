//! What a teacher's outputs on training images say beside the labels.

use serde::{Deserialize, Serialize};

use super::{predictions::Predictions, softmax::softmax};

/// A teacher on images that it was trained on, or that others are trained on: as they are, without data augmentation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TeacherSignal {
    /// Images that were looked at.
    pub images: usize,
    /// Share of them whose likeliest class is the label.
    pub top1: f64,
    /// Mean probability of the likeliest class.
    pub confidence: f64,
    /// Temperature of the soft targets; 1 where the objective has none.
    pub temperature: f64,
    /// Mean entropy of the soft targets at that temperature, nats.
    pub entropy: f64,
    /// The same at temperature 1.
    pub own_entropy: f64,
    /// Their entropy where all classes are as likely, nats: `ln C`.
    pub largest_entropy: f64,
}

impl TeacherSignal {
    /// Figures of a teacher's predictions, and of its soft targets at `temperature`.
    pub fn of(teacher: &Predictions, temperature: f64) -> Self {
        let images = teacher.labels().len();
        let (mut confidence, mut entropy, mut own_entropy) = (0.0, 0.0, 0.0);
        for row in teacher.rows() {
            let own = softmax(row, 1.0);
            confidence += own.iter().copied().fold(0.0, f64::max);
            own_entropy += entropy_of(&own);
            entropy += entropy_of(&softmax(row, temperature));
        }
        let mean = |sum: f64| sum / images.max(1) as f64;
        Self {
            images,
            top1: mean(teacher.right().filter(|right| *right).count() as f64),
            confidence: mean(confidence),
            temperature,
            entropy: mean(entropy),
            own_entropy: mean(own_entropy),
            largest_entropy: (teacher.classes() as f64).ln(),
        }
    }
}

/// Entropy of probabilities, nats.
fn entropy_of(p: &[f64]) -> f64 {
    -p.iter().filter(|p| **p > 0.0).map(|p| p * p.ln()).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_those_of_a_hand_computation() {
        let logits = vec![4.0_f32.ln(), 0.0, 0.0, 0.0];
        let signal = TeacherSignal::of(&Predictions::from_logits(logits, vec![0, 1], 2), 2.0);
        assert_eq!((signal.images, signal.top1, signal.temperature), (2, 0.5, 2.0));
        assert!((signal.confidence - (0.8 + 0.5) / 2.0).abs() < 1e-6);
        // At T = 2 odds of 4 become 2.
        let first = -(2.0 / 3.0 * (2.0_f64 / 3.0).ln() + (1.0_f64 / 3.0).ln() / 3.0);
        assert!((signal.entropy - (first + 2.0_f64.ln()) / 2.0).abs() < 1e-6);
        let own = -(0.8 * 0.8_f64.ln() + 0.2 * 0.2_f64.ln());
        assert!((signal.own_entropy - (own + 2.0_f64.ln()) / 2.0).abs() < 1e-6);
        assert!((signal.largest_entropy - 2.0_f64.ln()).abs() < 1e-12);
    }
}
