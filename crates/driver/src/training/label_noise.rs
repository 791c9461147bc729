//! Training samples on which a teacher disagrees surely with the label: likely errors of labelling.
//!
//! The teacher's outputs are computed for the objective anyway; they are looked at in the first epoch, as the student
//! sees its samples then.

use burn::tensor::{Int, Tensor, TensorData, activation::log_softmax};
use distill_datasets::SampleId;
use serde::{Deserialize, Serialize};

/// Probability from which a teacher's class counts as sure.
pub const SURE: f64 = 0.95;

/// A training sample whose label the teacher contradicts with a probability of at least [`SURE`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Disagreement {
    /// The sample.
    pub sample: SampleId,
    /// Its label.
    pub label: usize,
    /// The teacher's class.
    pub teacher: usize,
    /// The teacher's probability of its class.
    pub probability: f64,
    /// The teacher's probability of the label.
    pub label_probability: f64,
}

/// Samples of a training that were compared with the teacher, and those on which it disagrees.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LabelNoise {
    /// Samples that were compared.
    pub samples: usize,
    /// Those whose label the teacher contradicts, in the order of the first epoch.
    pub disagreements: Vec<Disagreement>,
}

/// What a teacher says of a batch, on the device.
pub(super) struct TeacherRows {
    samples: Vec<SampleId>,
    labels: Vec<i32>,
    /// Class, its probability and that of the label, `[batch, 3]`.
    said: Tensor<2>,
}

impl TeacherRows {
    /// The teacher's logits `[batch, classes]` beside samples and labels.
    pub(super) fn new(samples: Vec<SampleId>, labels: Vec<i32>, logits: Tensor<2>) -> Self {
        let log_p = log_softmax(logits, 1);
        let of_labels = TensorData::new(labels.clone(), [labels.len(), 1]);
        let of_labels = Tensor::<2, Int>::from_data(of_labels, &log_p.device());
        let own = log_p.clone().gather(1, of_labels);
        let (likeliest, class) = log_p.max_dim_with_indices(1);
        let class = class.float().cast(own.dtype());
        Self { samples, labels, said: Tensor::cat(vec![class, likeliest.exp(), own.exp()], 1) }
    }

    /// Reads it and adds it to what is known so far.
    pub(super) fn add_to(self, noise: &mut LabelNoise) {
        noise.samples += self.samples.len();
        let said: Vec<f64> = self.said.into_data().iter::<f64>().collect();
        for ((sample, label), said) in
            self.samples.into_iter().zip(self.labels).zip(said.chunks_exact(3))
        {
            let (label, teacher) = (label as usize, said[0] as usize);
            let (probability, label_probability) = (said[1], said[2]);
            if teacher != label && probability >= SURE {
                let one = Disagreement { sample, label, teacher, probability, label_probability };
                noise.disagreements.push(one);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_sure_teacher_of_another_opinion_is_noted() {
        let probabilities = [
            [0.01, 0.97, 0.02], // Another class, surely.
            [0.01, 0.97, 0.02], // The label, surely.
            [0.10, 0.90, 0.00], // Another class, not surely.
            [0.30, 0.30, 0.40],
            [f64::NAN; 3],
        ];
        let logits: Vec<f32> = probabilities.iter().flatten().map(|p| p.ln() as f32).collect();
        let logits = Tensor::from_data(TensorData::new(logits, [5, 3]), &Device::flex());
        let rows = TeacherRows::new(vec![7, 3, 5, 9, 1], vec![0, 1, 0, 1, 2], logits);
        let mut noise = LabelNoise::default();
        rows.add_to(&mut noise);
        assert_eq!((noise.samples, noise.disagreements.len()), (5, 1));
        let Disagreement { sample, label, teacher, probability, label_probability } =
            noise.disagreements[0];
        assert_eq!((sample, label, teacher), (7, 0, 1));
        assert!((probability - 0.97).abs() < 1e-6 && (label_probability - 0.01).abs() < 1e-6);
    }
}
