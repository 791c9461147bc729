//! The figures of a classifier over a set.

use serde::{Deserialize, Serialize};

use super::{
    metric::Metric,
    metrics::{
        BalancedAccuracy, Brier, CalibrationError, MacroF1, NegativeLogLikelihood,
        TeacherAgreement, TeacherDivergence, TopK,
    },
    predictions::Predictions,
};

/// Figures over a set. Rates are fractions in `[0, 1]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
    /// Mean of the recall of the classes that have images; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub balanced_accuracy: Option<f64>,
    /// Mean of the F1 of the classes that have images or predictions; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub macro_f1: Option<f64>,
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
    /// All figures; those about the teacher where its predictions on the same images are given.
    ///
    /// # Panics
    /// Where the teacher has other samples or another number of classes.
    pub fn scores(&self, teacher: Option<&Self>) -> Scores {
        let (mut top1, mut top5) = (TopK::new(1), TopK::new(5));
        let mut nll = NegativeLogLikelihood::default();
        let (mut brier, mut ece) = (Brier::default(), CalibrationError::default());
        let mut agreement = TeacherAgreement::default();
        let mut divergence = TeacherDivergence::default();
        let mut balanced = BalancedAccuracy::new(self.classes());
        let mut macro_f1 = MacroF1::new(self.classes());
        let mut all: [&mut dyn Metric; 9] = [
            &mut top1,
            &mut top5,
            &mut nll,
            &mut brier,
            &mut ece,
            &mut balanced,
            &mut macro_f1,
            &mut agreement,
            &mut divergence,
        ];
        self.measure(teacher, &mut all);
        Scores {
            top1: top1.value(),
            top5: top5.value(),
            nll: nll.value(),
            brier: brier.value(),
            ece: ece.value(),
            balanced_accuracy: Some(balanced.value()),
            macro_f1: Some(macro_f1.value()),
            errors: self.right().filter(|right| !right).count(),
            count: self.labels().len(),
            teacher_agreement: teacher.map(|_| agreement.value()),
            kl_to_teacher: teacher.map(|_| divergence.value()),
        }
    }
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
