//! How alike networks find classes: what they say on average of the images of each.

use serde::{Deserialize, Serialize};

use super::Three;
use crate::evaluation::{Predictions, softmax};

/// As many classes as a person can tell apart in a square.
const SHOWN: usize = 20;

/// Mean softened probabilities: a row for each class that images have, a column for each class that is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Similarity {
    /// The classes of rows and columns: all, or the 20 that the teacher finds most like others.
    pub classes: Vec<usize>,
    /// What each network says.
    pub of: Three<Vec<Vec<f64>>>,
}

impl Similarity {
    pub(super) fn of(said: &Three<&Predictions>, temperature: f64) -> Self {
        let Three { teacher, baseline, student } = said;
        let teacher = means(teacher, temperature);
        let mut classes: Vec<usize> = (0..teacher.len()).collect();
        if classes.len() > SHOWN {
            let most_alike = |class: usize| {
                let others = teacher[class].iter().enumerate().filter(|(other, _)| *other != class);
                others.map(|(_, p)| *p).fold(0.0, f64::max)
            };
            classes.sort_by(|a, b| most_alike(*b).total_cmp(&most_alike(*a)));
            classes.truncate(SHOWN);
            classes.sort_unstable();
        }
        let of = |means: &[Vec<f64>]| -> Vec<Vec<f64>> {
            let rows = classes.iter().map(|class| &means[*class]);
            rows.map(|row| classes.iter().map(|other| row[*other]).collect()).collect()
        };
        let of = Three {
            teacher: of(&teacher),
            baseline: of(&means(baseline, temperature)),
            student: of(&means(student, temperature)),
        };
        Self { classes, of }
    }
}

/// Mean softened probabilities of the images of each class; zeros for a class without images.
fn means(said: &Predictions, temperature: f64) -> Vec<Vec<f64>> {
    let classes = said.rows().next().map_or(0, <[f32]>::len);
    let mut sums = vec![vec![0.0; classes]; classes];
    let mut images = vec![0_usize; classes];
    for (row, label) in said.rows().zip(said.labels()) {
        let label = *label as usize;
        images[label] += 1;
        for (sum, p) in sums[label].iter_mut().zip(softmax(row, temperature)) {
            *sum += p;
        }
    }
    for (row, images) in sums.iter_mut().zip(images) {
        row.iter_mut().for_each(|sum| *sum /= images.max(1) as f64);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_means_over_the_images_of_a_class() {
        let logits = [[0.8_f32, 0.2], [0.6, 0.4], [0.1, 0.9]].concat();
        let logits = logits.into_iter().map(f32::ln).collect();
        let said = Predictions::from_logits(logits, vec![0, 0, 1], 2);
        let found = means(&said, 1.0);
        for (found, expected) in found.concat().into_iter().zip([0.7, 0.3, 0.1, 0.9]) {
            assert!((found - expected).abs() < 1e-6, "{found} for {expected}");
        }
    }

    #[test]
    fn of_many_classes_those_are_kept_that_are_most_like_others() {
        // Class 40 looks like class 3, class 7 a little like class 41; all others like themselves alone.
        let logits = (0..50_i32).flat_map(|label| {
            (0..50).map(move |class| match (label, class) {
                (40, 3) => 9.0,
                (7, 41) => 8.0,
                _ if label == class => 10.0,
                _ => 0.0,
            })
        });
        let said = Predictions::from_logits(logits.collect(), (0..50).collect(), 50);
        let three = Three { teacher: &said, baseline: &said, student: &said };
        let similarity = Similarity::of(&three, 1.0);
        assert_eq!(similarity.classes.len(), SHOWN);
        assert!([7, 40].iter().all(|class| similarity.classes.contains(class)));
        assert!(similarity.classes.is_sorted());
        assert!(similarity.of.student.iter().all(|row| row.len() == SHOWN));
    }
}
