//! `evidence.json`: what the three networks say of the test images, in the form that a report shows.

mod examples;
mod similarity;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use examples::{Example, Kind};
pub use similarity::Similarity;

use crate::{
    DriverError,
    evaluation::{Bin, Predictions, TeacherSignal, softmax},
    store::read_json,
    task::Task,
};

/// Its name in a run's folder.
pub(crate) const EVIDENCE: &str = "evidence.json";

/// Temperatures at which the entropy of the teacher's soft targets is given.
const TEMPERATURES: [f64; 12] = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 16.0, 20.0];

/// What teacher, baseline and student say of the test images: the teacher with the weights that taught, the others
/// after their last epoch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Version of this layout: 1.
    pub schema: u32,
    /// What it was made of: the teacher with its epoch, and fingerprints of the three stages.
    pub of: Vec<String>,
    /// Names of the classes, in the order of the logits.
    pub classes: Vec<String>,
    /// Temperature of the student's objective, at which soft probabilities are given; 1 where it has none.
    pub temperature: f64,
    /// Confidence against how often it is right, in 15 bins of equal width.
    pub reliability: Three<Vec<Bin>>,
    /// How alike each network finds classes.
    pub similarity: Similarity,
    /// Entropy of the teacher's soft targets at some temperatures.
    pub entropy: Vec<Entropy>,
    /// The teacher on training images; none in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<TeacherSignal>,
    /// On how many images the student and the teacher are right.
    pub agreement: Agreement,
    /// The same of the baseline.
    pub baseline_agreement: Agreement,
    /// Some images, with what the three networks say.
    pub examples: Vec<Example>,
}

/// Something of each of the three networks of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the stages")]
pub struct Three<T> {
    pub teacher: T,
    pub baseline: T,
    pub student: T,
}

/// Entropy of soft targets over the test images, nats.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Entropy {
    /// The temperature.
    pub temperature: f64,
    /// Mean over the images.
    pub mean: f64,
    /// A tenth of the images has less.
    pub low: f64,
    /// A tenth of the images has more.
    pub high: f64,
}

/// Numbers of test images on which two networks are right or wrong. The network is the student or the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Agreement {
    /// Both are right.
    pub both_right: usize,
    /// The teacher alone is right.
    pub teacher_alone: usize,
    /// The network alone is right.
    pub network_alone: usize,
    /// Both are wrong, in the same way.
    pub same_error: usize,
    /// Both are wrong, each in its own way.
    pub other_error: usize,
}

impl Evidence {
    /// What lies in a run's folder; none in those of earlier versions.
    ///
    /// # Errors
    /// [`DriverError`] for a file that cannot be read or is damaged.
    pub fn of_run(run: &Path) -> Result<Option<Self>, DriverError> {
        read_json(&run.join(EVIDENCE))
    }

    /// Gathers it. All predictions are on the test split of `task`, in its order.
    pub(crate) fn gather(
        of: Vec<String>,
        classes: Vec<String>,
        temperature: f64,
        task: &dyn Task,
        said: &Three<&Predictions>,
        training: TeacherSignal,
    ) -> Self {
        let Three { teacher, baseline, student } = said;
        let (picture, file) = (|index| task.picture(index), |index| task.file(index));
        let images = examples::Images { picture: &picture, file: &file };
        Self {
            schema: 1,
            of,
            classes,
            temperature,
            reliability: Three {
                teacher: teacher.bins(),
                baseline: baseline.bins(),
                student: student.bins(),
            },
            similarity: Similarity::of(said, temperature),
            entropy: TEMPERATURES.map(|t| Entropy::of(teacher, t)).to_vec(),
            training: Some(training),
            agreement: Agreement::of(teacher, student),
            baseline_agreement: Agreement::of(teacher, baseline),
            examples: examples::choose(&images, said, temperature),
        }
    }
}

impl Entropy {
    fn of(teacher: &Predictions, temperature: f64) -> Self {
        let mut all = Vec::new();
        for row in teacher.rows() {
            let terms = softmax(row, temperature).into_iter().filter(|p| *p > 0.0);
            all.push(-terms.map(|p| p * p.ln()).sum::<f64>());
        }
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        Self { temperature, mean, low: at(0.1), high: at(0.9) }
    }
}

impl Agreement {
    fn of(teacher: &Predictions, network: &Predictions) -> Self {
        let mut counts = Self::default();
        let said = teacher.likeliest().zip(network.likeliest());
        for ((teacher, network), label) in said.zip(teacher.labels()) {
            let right = *label as usize;
            let count = match (teacher == right, network == right) {
                (true, true) => &mut counts.both_right,
                (true, false) => &mut counts.teacher_alone,
                (false, true) => &mut counts.network_alone,
                _ if teacher == network => &mut counts.same_error,
                _ => &mut counts.other_error,
            };
            *count += 1;
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One image a row, whose logits are the logarithms of these.
    fn said(rows: &[[f32; 3]], labels: &[i32]) -> Predictions {
        let logits = rows.iter().flatten().map(|p| p.ln()).collect();
        Predictions::from_logits(logits, labels.to_vec(), 3)
    }

    #[test]
    fn entropy_rises_from_the_predictions_own_to_that_of_an_even_guess() {
        let teacher = said(&[[0.5, 0.25, 0.25], [0.5, 0.25, 0.25]], &[0, 0]);
        let own = Entropy::of(&teacher, 1.0);
        assert!((own.mean - 1.5 * 2_f64.ln()).abs() < 1e-6, "{own:?}");
        assert!((own.low - own.high).abs() < 1e-9);
        let softened = Entropy::of(&teacher, 1000.0).mean;
        assert!(own.mean < softened && (softened - 3_f64.ln()).abs() < 1e-4);
        // A class that is ruled out adds nothing, and no NaN.
        let sure = said(&[[1.0, 0.0, 0.0]], &[0]);
        assert!(Entropy::of(&sure, 1.0).mean.abs() < 1e-12);
    }

    #[test]
    fn agreement_counts_each_image_once() {
        let sure = |class: usize| {
            let mut row = [0.1; 3];
            row[class] = 0.8;
            row
        };
        let teacher = said(&[0, 0, 1, 1, 1].map(sure), &[0; 5]);
        let student = said(&[0, 1, 0, 1, 2].map(sure), &[0; 5]);
        let counts = Agreement::of(&teacher, &student);
        let one = Agreement {
            both_right: 1,
            teacher_alone: 1,
            network_alone: 1,
            same_error: 1,
            other_error: 1,
        };
        assert_eq!(counts, one);
    }
}
