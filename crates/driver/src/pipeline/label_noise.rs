//! What a stage's teacher says of its labels: a file with the doubtful ones, and a line for the terminal.

use super::Pipeline;
use crate::{
    DriverError, Event, Observer, Stage,
    records::{DoubtfulLabel, LABEL_NOISE, LabelNoiseRecord},
    store::write_json,
    training::{Disagreement, LabelNoise, SURE},
};

/// Writes the doubtful labels of a stage into its folder, and says how many there are.
pub(super) fn write_label_noise(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    noise: &LabelNoise,
    observer: &mut dyn Observer,
) -> Result<(), DriverError> {
    let record = record(pipeline, stage, noise);
    let path = pipeline.folder(stage).join(LABEL_NOISE);
    write_json(&path, &record)?;
    let LabelNoiseRecord { threshold, images, count, .. } = record;
    if count > 0 {
        observer.on(Event::Note(format!(
            "{}: the teacher contradicts the labels of {count} of {images} training images with a probability of at \
             least {threshold}: {} lists them",
            stage.name(),
            path.display()
        )));
    }
    Ok(())
}

fn record(pipeline: &Pipeline<'_>, stage: Stage, noise: &LabelNoise) -> LabelNoiseRecord {
    let (names, places) = (pipeline.task.classes(), pipeline.task.places(stage));
    let mut sorted: Vec<&Disagreement> = noise.disagreements.iter().collect();
    sorted.sort_by(|a, b| b.probability.total_cmp(&a.probability).then(a.sample.cmp(&b.sample)));
    let doubtful = |one: &Disagreement| {
        let index = places[one.sample as usize];
        DoubtfulLabel {
            index,
            file: pipeline.task.train_file(index),
            label: names[one.label].clone(),
            teacher: names[one.teacher].clone(),
            probability: one.probability,
            label_probability: one.label_probability,
        }
    };
    LabelNoiseRecord {
        threshold: SURE,
        images: noise.samples,
        count: noise.disagreements.len(),
        found: sorted.into_iter().map(doubtful).collect(),
    }
}
