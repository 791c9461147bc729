//! What a trained network is worth on images it has not seen.

mod calibration;
mod latency;
mod missing;

use burn::tensor::{Device, Tensor};
use distill_datasets::{DataError, Loader, Part};
use serde::{Deserialize, Serialize};

pub use calibration::{Bin, Calibration};
pub use latency::Latency;
pub use missing::{MissingClasses, Shifted};

/// Logits of a network on a whole set, with the right classes.
#[derive(Debug, Clone)]
pub struct Predictions {
    logits: Vec<f32>,
    labels: Vec<i32>,
    classes: usize,
}

/// Figures over a set. Rates are fractions in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// Share of images whose likeliest class is right.
    pub top1: f64,
    /// Share of images whose right class is among the five likeliest.
    pub top5: f64,
    /// Mean −log p of the right class, nats.
    pub nll: f64,
    /// Mean squared distance of the probabilities from the one-hot label (Brier 1950), in `[0, 2]`.
    pub brier: f64,
    /// Expected calibration error over 15 equal-width bins of confidence (Guo et al. 2017,
    /// arXiv:1706.04599).
    pub ece: f64,
    /// Images whose likeliest class is wrong.
    pub errors: usize,
    /// Images.
    pub count: usize,
    /// Share of images on which the likeliest class is the teacher's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teacher_agreement: Option<f64>,
    /// Mean KL(teacher‖network) at temperature 1, nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl_to_teacher: Option<f64>,
}

impl Predictions {
    /// Asks `answer` for the logits of everything that `loader` gives: rows of `classes` for images
    /// `[batch, channels, height, width]`, pixels as fractions in `[0, 1]`.
    ///
    /// # Errors
    /// The first error of `loader` or `answer`.
    pub fn collect<E: From<DataError>>(
        loader: &Loader,
        device: &Device,
        mut answer: impl FnMut(Tensor<4>) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let (mut logits, mut labels): (Vec<f32>, Vec<i32>) = Default::default();
        for batch in loader.epoch(1, 0, Part::whole())? {
            let batch = batch?;
            labels.extend_from_slice(batch.classes()?);
            logits.extend(answer(batch.to_device(device)?.images)?);
        }
        let classes = logits.len() / labels.len().max(1);
        Ok(Self { logits, labels, classes })
    }

    /// Predictions from logits in rows of `classes` and the right class of each row.
    ///
    /// # Panics
    /// Unless there are `classes` logits for each label.
    pub fn from_logits(logits: Vec<f32>, labels: Vec<i32>, classes: usize) -> Self {
        assert_eq!(logits.len(), labels.len() * classes, "one row for each label");
        Self { logits, labels, classes }
    }

    /// The right class of each image.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// Logits of each image, `classes` of them.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.logits.chunks_exact(self.classes)
    }

    /// All figures; those about the teacher where its predictions on the same images are given.
    pub fn scores(&self, teacher: Option<&Self>) -> Scores {
        let count = self.labels.len();
        let (mut top1, mut top5, mut nll, mut brier) = (0_usize, 0_usize, 0.0, 0.0);
        for (row, label) in self.rows().zip(&self.labels) {
            let label = *label as usize;
            let log_p = log_softmax(row);
            let rank = rank(row, label);
            top1 += usize::from(rank == 0);
            top5 += usize::from(rank < 5);
            nll -= log_p[label];
            let square = |(class, log_p): (usize, &f64)| {
                let target = if class == label { 1.0 } else { 0.0 };
                (log_p.exp() - target).powi(2)
            };
            brier += log_p.iter().enumerate().map(square).sum::<f64>();
        }
        let n = count as f64;
        let gap = |bin: &Bin| (bin.confidence - bin.right as f64).abs();
        let fidelity = teacher.map(|teacher| self.fidelity(teacher));
        Scores {
            top1: top1 as f64 / n,
            top5: top5 as f64 / n,
            nll: nll / n,
            brier: brier / n,
            ece: self.bins().iter().map(gap).sum::<f64>() / n,
            errors: count - top1,
            count,
            teacher_agreement: fidelity.map(|(agreement, _)| agreement),
            kl_to_teacher: fidelity.map(|(_, kl)| kl),
        }
    }

    /// Whether the likeliest class of each image is right.
    pub fn right(&self) -> impl Iterator<Item = bool> {
        self.rows().zip(&self.labels).map(|(row, label)| rank(row, *label as usize) == 0)
    }

    /// The likeliest class of each image; of equal logits the first.
    pub fn likeliest(&self) -> impl Iterator<Item = usize> {
        self.rows().map(likeliest)
    }

    fn fidelity(&self, teacher: &Self) -> (f64, f64) {
        let (mut agree, mut kl) = (0_usize, 0.0);
        for (row, teacher_row) in self.rows().zip(teacher.rows()) {
            agree += usize::from(likeliest(row) == likeliest(teacher_row));
            let (log_s, log_t) = (log_softmax(row), log_softmax(teacher_row));
            kl += log_t.iter().zip(&log_s).map(|(t, s)| t.exp() * (t - s)).sum::<f64>();
        }
        let n = self.labels.len() as f64;
        (agree as f64 / n, kl / n)
    }
}

/// Log probabilities of one row of logits, in double precision.
pub fn log_softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = row.iter().map(|z| f64::from(z - largest));
    let log_sum = shifted.clone().map(f64::exp).sum::<f64>().ln();
    shifted.map(|z| z - log_sum).collect()
}

/// Probabilities of one row of logits divided by `temperature`, in double precision.
pub fn softmax(row: &[f32], temperature: f64) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let odds: Vec<f64> = row.iter().map(|z| (f64::from(z - largest) / temperature).exp()).collect();
    let sum = odds.iter().sum::<f64>();
    odds.into_iter().map(|odds| odds / sum).collect()
}

/// How many classes come before `label`; of equal logits the first class wins.
fn rank(row: &[f32], label: usize) -> usize {
    let own = row[label];
    let before = |(class, z): &(usize, &f32)| **z > own || (**z == own && *class < label);
    // A logit that is no number is never a right answer.
    if own.is_nan() { row.len() } else { row.iter().enumerate().filter(before).count() }
}

fn likeliest(row: &[f32]) -> usize {
    (0..row.len()).find(|class| rank(row, *class) == 0).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_probabilities(rows: &[[f32; 2]], labels: &[i32]) -> Predictions {
        let logits = rows.iter().flatten().map(|p| p.ln()).collect();
        Predictions::from_logits(logits, labels.to_vec(), 2)
    }

    #[test]
    fn figures_are_those_of_a_hand_computation() {
        let scores =
            of_probabilities(&[[0.9, 0.1], [0.3, 0.7], [0.9, 0.1]], &[0, 0, 0]).scores(None);
        assert_eq!((scores.errors, scores.count, scores.top5), (1, 3, 1.0));
        assert!((scores.top1 - 2.0 / 3.0).abs() < 1e-12);
        let nll = -(2.0 * 0.9_f64.ln() + 0.3_f64.ln()) / 3.0;
        assert!((scores.nll - nll).abs() < 1e-6, "{}", scores.nll);
        let brier = (2.0 * (0.01 + 0.01) + 0.49 + 0.49) / 3.0;
        assert!((scores.brier - brier).abs() < 1e-6, "{}", scores.brier);
        // Two right at 0.9 in one bin, one wrong at 0.7 in another.
        let ece = (2.0 * (1.0 - 0.9) + 0.7) / 3.0;
        assert!((scores.ece - ece).abs() < 1e-6, "{}", scores.ece);
    }

    #[test]
    fn a_network_agrees_with_itself() {
        let predictions = of_probabilities(&[[0.9, 0.1], [0.3, 0.7]], &[0, 0]);
        let scores = predictions.scores(Some(&predictions));
        assert_eq!((scores.teacher_agreement, scores.kl_to_teacher), (Some(1.0), Some(0.0)));
        let teacher = of_probabilities(&[[0.5, 0.5], [0.6, 0.4]], &[0, 0]);
        let scores = predictions.scores(Some(&teacher));
        assert_eq!(scores.teacher_agreement, Some(0.5));
        let first = 0.5 * (0.5_f64 / 0.9).ln() + 0.5 * (0.5_f64 / 0.1).ln();
        let second = 0.6 * (0.6_f64 / 0.3).ln() + 0.4 * (0.4_f64 / 0.7).ln();
        assert!((scores.kl_to_teacher.unwrap() - (first + second) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn equal_and_undefined_logits_are_ranked_without_luck() {
        let predictions = Predictions::from_logits(vec![1.0, 1.0, f32::NAN, 0.0], vec![1, 0], 2);
        assert_eq!(predictions.scores(None).errors, 2);
    }
}
