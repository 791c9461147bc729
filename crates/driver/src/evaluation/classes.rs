//! What a network makes of each class, and which classes it takes for which.

use serde::Serialize;

use super::{
    class_counts::{ClassCounts, ClassScores},
    predictions::Predictions,
    scores::Scores,
};

/// Classes above which no confusion matrix is written.
pub const CONFUSION_CLASSES: usize = 200;

/// Figures of a network over a set, with those of each class.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Evaluation {
    /// Over all images.
    #[serde(flatten)]
    pub scores: Scores,
    /// Each class, in the order of the logits.
    pub classes: Vec<NamedScores>,
    /// Number of images of the row's class that are classified as the column's; none of more than
    /// [`CONFUSION_CLASSES`] classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<usize>>>,
}

/// Scores of a class with its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NamedScores {
    /// Name of the class.
    pub name: String,
    /// Its scores.
    #[serde(flatten)]
    pub scores: ClassScores,
}

impl Predictions {
    /// All figures, of classes with these names.
    pub fn evaluation(&self, names: &[String]) -> Evaluation {
        let named = names.iter().cloned().zip(self.class_scores());
        Evaluation {
            scores: self.scores(None),
            classes: named.map(|(name, scores)| NamedScores { name, scores }).collect(),
            confusion: self.confusion(),
        }
    }

    /// Scores of each class, in the order of the logits.
    pub fn class_scores(&self) -> Vec<ClassScores> {
        let mut counts = ClassCounts::new(self.classes());
        for (row, label) in self.rows().zip(self.labels()) {
            counts.add(row, *label as usize);
        }
        counts.scores().collect()
    }

    /// Number of images of the row's class whose likeliest class is the column's: scikit-learn's `confusion_matrix`.
    /// None of more than [`CONFUSION_CLASSES`] classes.
    pub fn confusion(&self) -> Option<Vec<Vec<usize>>> {
        let classes = self.classes();
        if classes > CONFUSION_CLASSES {
            return None;
        }
        let mut counts = vec![vec![0; classes]; classes];
        for (label, likeliest) in self.labels().iter().zip(self.likeliest()) {
            counts[*label as usize][likeliest] += 1;
        }
        Some(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Predictions of four classes, of which the last occurs nowhere: y_true = [0, 0, 0, 0, 1, 1],
    /// y_pred = [0, 0, 1, 2, 1, 0].
    fn predictions() -> Predictions {
        let likeliest = [0, 0, 1, 2, 1, 0];
        let logits =
            likeliest.iter().flat_map(|own| (0..4).map(move |c| f32::from(u8::from(c == *own))));
        Predictions::from_logits(logits.collect(), vec![0, 0, 0, 0, 1, 1], 4)
    }

    #[test]
    fn scores_are_scikit_learns() {
        // precision_recall_fscore_support(y_true, y_pred, labels=range(4), zero_division=0)
        let expected = [
            (4, 2, 3, 2.0 / 3.0, 0.5, 4.0 / 7.0),
            (2, 1, 2, 0.5, 0.5, 0.5),
            (0, 0, 1, 0.0, 0.0, 0.0),
            (0, 0, 0, 0.0, 0.0, 0.0),
        ];
        for (found, (images, right, predicted, precision, recall, f1)) in
            predictions().class_scores().into_iter().zip(expected)
        {
            let expected = ClassScores { images, right, predicted, precision, recall, f1 };
            assert_eq!(found, expected);
        }
        let scores = predictions().scores(None);
        // balanced_accuracy_score: the two classes of y_true.
        assert_eq!(scores.balanced_accuracy, Some(0.5));
        // f1_score(average="macro"): the three classes of y_true and y_pred.
        let macro_f1 = scores.macro_f1.expect("it is computed");
        assert!((macro_f1 - (4.0 / 7.0 + 0.5) / 3.0).abs() < 1e-15, "{macro_f1}");
    }

    #[test]
    fn rows_of_the_matrix_are_the_right_classes() {
        let expected = [[2, 1, 1, 0], [1, 1, 0, 0], [0; 4], [0; 4]].map(|row| row.to_vec());
        assert_eq!(predictions().confusion(), Some(expected.to_vec()));
        let many = Predictions::from_logits(vec![0.0; 201], vec![200], 201);
        assert_eq!(many.confusion(), None);
        assert_eq!(many.class_scores().len(), 201);
    }

    #[test]
    fn a_program_reads_all_figures_in_one_place() {
        let names: Vec<String> = ["a", "b", "c", "d"].map(str::to_owned).to_vec();
        let json = serde_json::to_value(predictions().evaluation(&names)).expect("it serialises");
        assert_eq!((&json["top1"], &json["balanced_accuracy"]), (&0.5.into(), &0.5.into()));
        assert_eq!(
            (&json["classes"][1]["name"], &json["classes"][1]["f1"]),
            (&"b".into(), &0.5.into())
        );
        assert_eq!(json["confusion"][0][2], 1);
    }
}
