//! Images that show what distillation did: dark knowledge, what was gained and what was lost.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::Three;
use crate::evaluation::{Predictions, softmax};

/// Images of each kind, of different classes.
const EACH: usize = 4;

/// Classes that are given with an image.
const CLASSES: usize = 5;

/// Why an image was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The teacher is right, and finds another class likeliest of all test images like it.
    DarkKnowledge,
    /// The student is right where the baseline is wrong.
    Gained,
    /// The student is wrong where the baseline is right.
    Lost,
}

/// One test image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// Why it was chosen.
    pub kind: Kind,
    /// Its place among the test images, from 0.
    pub index: usize,
    /// Of a folder of images, the place of its file in it; none in evidence of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Its class.
    pub label: usize,
    /// The image: PNG in base64.
    pub png: String,
    /// The classes below: its own and those that the networks find likeliest, at most five.
    pub classes: Vec<usize>,
    /// The teacher's probabilities of these classes.
    pub teacher: Vec<f64>,
    /// The same at the training's temperature: the soft targets.
    pub softened: Vec<f64>,
    /// The baseline's.
    pub baseline: Vec<f64>,
    /// The student's.
    pub student: Vec<f64>,
}

/// What an image of a class is worth as an example; none where it is none.
type Worth<'a> = &'a dyn Fn(usize, usize) -> Option<f64>;

/// The test images by their place.
pub(super) struct Images<'a> {
    /// As a PNG file.
    pub(super) picture: &'a dyn Fn(usize) -> Vec<u8>,
    /// Place of its own file, where it has one.
    pub(super) file: &'a dyn Fn(usize) -> Option<String>,
}

/// Chooses images of each kind: those in which most happened, of different classes as far as there are some.
pub(super) fn choose(
    images: &Images<'_>,
    said: &Three<&Predictions>,
    temperature: f64,
) -> Vec<Example> {
    let labels = said.teacher.labels();
    let networks = [said.teacher, said.baseline, said.student];
    let rows: [Vec<&[f32]>; 3] = networks.map(|of| of.rows().collect());
    let [teacher, baseline, student] = &rows;
    let [teacher_right, baseline_right, student_right] =
        networks.map(|of| of.right().collect::<Vec<bool>>());
    let change = |at: usize, label: usize| {
        softmax(student[at], 1.0)[label] - softmax(baseline[at], 1.0)[label]
    };
    let kinds: [(Kind, Worth); 3] = [
        (Kind::DarkKnowledge, &|at, label| {
            teacher_right[at].then(|| {
                let said = softmax(teacher[at], 1.0).into_iter().enumerate();
                said.filter(|(class, _)| *class != label).map(|(_, p)| p).fold(0.0, f64::max)
            })
        }),
        (Kind::Gained, &|at, label| {
            (student_right[at] && !baseline_right[at]).then(|| change(at, label))
        }),
        (Kind::Lost, &|at, label| {
            (baseline_right[at] && !student_right[at]).then(|| -change(at, label))
        }),
    ];
    let mut examples = Vec::new();
    for (kind, worth) in kinds {
        for at in most(labels, worth) {
            let label = labels[at] as usize;
            let said = [teacher[at], baseline[at], student[at]].map(|row| softmax(row, 1.0));
            let classes = likeliest(&said, label);
            let of = |all: &[f64]| classes.iter().map(|class| all[*class]).collect();
            examples.push(Example {
                kind,
                index: at,
                file: (images.file)(at),
                label,
                png: STANDARD.encode((images.picture)(at)),
                teacher: of(&said[0]),
                softened: of(&softmax(teacher[at], temperature)),
                baseline: of(&said[1]),
                student: of(&said[2]),
                classes,
            });
        }
    }
    examples
}

/// The images that are worth most, of different classes first.
fn most(labels: &[i32], worth: Worth) -> Vec<usize> {
    let mut all: Vec<(f64, usize)> = (0..labels.len())
        .filter_map(|at| worth(at, labels[at] as usize).map(|worth| (worth, at)))
        .collect();
    all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let mut classes = std::collections::BTreeSet::new();
    let (first, again): (Vec<_>, Vec<_>) =
        all.into_iter().map(|(_, at)| at).partition(|at| classes.insert(labels[*at]));
    first.into_iter().chain(again).take(EACH).collect()
}

/// The label, and the classes that some network finds likeliest, by the first network's probabilities.
fn likeliest(networks: &[Vec<f64>; 3], label: usize) -> Vec<usize> {
    let classes = networks[0].len();
    let mut by_most: Vec<usize> = (0..classes).collect();
    let top = |class: usize| networks.iter().map(|p| p[class]).fold(0.0, f64::max);
    by_most.sort_by(|a, b| (*b == label).cmp(&(*a == label)).then(top(*b).total_cmp(&top(*a))));
    by_most.truncate(CLASSES);
    by_most.sort_by(|a, b| networks[0][*b].total_cmp(&networks[0][*a]));
    by_most
}

#[cfg(test)]
mod tests {
    use distill_datasets::{ImageSet, ImageShape};

    use super::*;

    #[test]
    fn the_images_are_those_in_which_most_happened() {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let images = ImageSet::new(shape, (0..24).collect(), vec![0, 0, 0, 1, 1, 1]);
        let said = |rows: [[f32; 2]; 6]| {
            let logits = rows.concat().into_iter().map(f32::ln).collect();
            Predictions::from_logits(logits, vec![0, 0, 0, 1, 1, 1], 2)
        };
        let sure = [0.9, 0.1];
        let teacher = said([sure, [0.6, 0.4], [0.7, 0.3], [0.4, 0.6], [0.1, 0.9], sure]);
        let baseline = said([[0.2, 0.8], [0.4, 0.6], sure, [0.1, 0.9], [0.2, 0.8], sure]);
        let student = said([[0.8, 0.2], sure, sure, [0.9, 0.1], [0.1, 0.9], sure]);
        let three = Three { teacher: &teacher, baseline: &baseline, student: &student };
        let picture = |index| images.png(index);
        let file = |index| (index < 3).then(|| format!("test/a/{index}.png"));
        let found = choose(&Images { picture: &picture, file: &file }, &three, 2.0);
        let of = |kind: Kind| -> Vec<usize> {
            found.iter().filter(|e| e.kind == kind).map(|e| e.index).collect()
        };
        // One of each class first, then the next of any; the last image, where the teacher errs, is none.
        assert_eq!(of(Kind::DarkKnowledge), [1, 3, 2, 0]);
        assert_eq!(of(Kind::Gained), [0, 1]);
        assert_eq!(of(Kind::Lost), [3]);

        let files: Vec<Option<&str>> = found.iter().map(|one| one.file.as_deref()).collect();
        assert_eq!(files[..2], [Some("test/a/1.png"), None]);
        let first = &found[0];
        assert_eq!((first.label, &first.classes[..]), (0, &[0, 1][..]));
        // At T=2 odds of 3 to 2 become those of their roots.
        let expected = 1.5_f64.sqrt() / (1.0 + 1.5_f64.sqrt());
        assert!((first.softened[0] - expected).abs() < 1e-6);
        let png = STANDARD.decode(&first.png).unwrap();
        let png = image::load_from_memory(&png).unwrap().into_luma8();
        assert_eq!(png.into_raw(), [4, 5, 6, 7]);
    }
}
