//! The final evaluation: the only place that reads the test split.

use std::{rc::Rc, sync::atomic::Ordering, time::Instant};

use distill_datasets::Loader;

use crate::{
    DriverError, Event, Observer, Stage,
    evaluation::{Calibration, ClassScores, Latency, MissingClasses, Predictions, TeacherSignal},
    evidence::{EVIDENCE, Evidence, Three},
    recipe::{Reference, StagePlan},
    records::{ClassRecord, TestRecord},
    store::{Weights, read_json, write_json},
    teacher::Teacher,
};

use super::{Pipeline, ensemble::load_teacher, specialists::relabelled};

/// Predictions of the test split that are needed again.
type CachedPredictions = Vec<(Reference, Rc<Predictions>)>;

const BASELINE: Reference = Reference { stage: Stage::Baseline, weights: Weights::Last };
const STUDENT: Reference = Reference { stage: Stage::Student, weights: Weights::Last };

/// Reads the test split: once for each network that is not evaluated yet.
pub(super) fn evaluate(
    pipeline: &Pipeline<'_>,
    observer: &mut dyn Observer,
) -> Result<(), DriverError> {
    let mut due = Vec::new();
    for StagePlan { stage, .. } in &pipeline.config.recipe.stages {
        let old: Option<TestRecord> = read_json(&pipeline.folder(*stage).join("test.json"))?;
        let of = compared(pipeline, *stage)?;
        if !old.is_some_and(|old| is_whole(&old) && old.of == of) {
            due.push(*stage);
        }
    }
    let mut cached = Vec::new();
    for stage in due {
        observer.on(Event::Evaluating { stage });
        let teacher = match reference_teacher(pipeline, stage) {
            Some(reference) => Some(predictions(pipeline, reference, &mut cached, observer)?),
            None => None,
        };
        let selected = predictions(pipeline, Reference::selected(stage), &mut cached, observer)?;
        let record = pipeline.record(stage)?;
        let last_is_selected = record.selected.is_none_or(|best| best.epoch == record.epochs);
        let reference = Reference { stage, weights: Weights::Last };
        let last = match last_is_selected {
            true => selected.clone(),
            false => predictions(pipeline, reference, &mut cached, observer)?,
        };
        let validation = predict(
            pipeline,
            reference,
            &relabelled(pipeline, stage, &pipeline.validation)?,
            observer,
        )?;
        if last_is_selected && is_needed_again(pipeline, reference) {
            cached.push((reference, last.clone()));
        }
        let before = match stage {
            Stage::Student => Some(predictions(pipeline, BASELINE, &mut cached, observer)?),
            _ => None,
        };
        let calibration = Calibration::of(&validation, &last);
        let figures = [calibration.nll, calibration.nll_scaled, selected.scores(None).nll];
        if let Some(figure) = figures.into_iter().find(|figure| !figure.is_finite()) {
            return Err(DriverError::Folder {
                path: pipeline.folder(stage),
                problem: format!("on the test images the network's mean -log p is `{figure}`"),
                hint: "its logits of some images are NaN or infinite; train it with a lower \
                       `optimizer.learning_rate`, or give another file"
                    .to_owned(),
            });
        }
        let missing = pipeline.task.missing(stage);
        let names = pipeline.task.classes();
        let missing =
            missing.contains(&true).then(|| MissingClasses::of(names, missing, &validation, &last));
        let test = TestRecord {
            missing,
            of: compared(pipeline, stage)?,
            last: last.scores(teacher.as_deref()),
            selected: selected.scores(teacher.as_deref()),
            calibration: Some(calibration),
            classes: classes(&last, before.as_deref()),
            confusion: last.confusion(),
            latency: Some(latency(pipeline, reference)?),
        };
        write_json(&pipeline.folder(stage).join("test.json"), &test)?;
    }
    gather_evidence(pipeline, &mut cached, observer)
}

/// Writes the evidence of the three networks' predictions, unless it is there.
fn gather_evidence(
    pipeline: &Pipeline<'_>,
    cached: &mut CachedPredictions,
    observer: &mut dyn Observer,
) -> Result<(), DriverError> {
    let teacher = reference_teacher(pipeline, Stage::Student).expect("a student has a teacher");
    let path = pipeline.config.out.join(EVIDENCE);
    let mut of = vec![teacher.to_string()];
    for stage in Stage::ALL {
        of.push(pipeline.record(stage)?.fingerprint);
    }
    // What was damaged, or written by another version, is made again.
    let old: Option<Evidence> = read_json(&path).unwrap_or_default();
    if old.is_some_and(|old| old.of == of && old.training.is_some()) {
        return Ok(());
    }
    let temperature = pipeline.config.recipe.temperature();
    let on_training =
        predict(pipeline, teacher, &some_training_images(pipeline, TRAINING_IMAGES), observer)?;
    let on_training = TeacherSignal::of(&on_training, temperature);
    let (teacher, baseline, student) = (
        predictions(pipeline, teacher, cached, observer)?,
        predictions(pipeline, BASELINE, cached, observer)?,
        predictions(pipeline, STUDENT, cached, observer)?,
    );
    let predictions = Three { teacher: &*teacher, baseline: &*baseline, student: &*student };
    let classes = pipeline.class_names(Stage::Student).to_vec();
    let task = &*pipeline.task;
    let evidence = Evidence::gather(of, classes, temperature, task, &predictions, on_training);
    write_json(&path, &evidence)
}

/// Training images at the most on which a teacher's signal is looked at.
const TRAINING_IMAGES: usize = 2000;

/// Some of the student's training images as they are, from all over the set.
pub(super) fn some_training_images(pipeline: &Pipeline<'_>, most: usize) -> Loader {
    let all = pipeline.task.labels(Stage::Student).len();
    let count = all.min(most);
    let chosen: Vec<usize> = (0..count).map(|at| at * all / count).collect();
    let same: Vec<u32> = (0..pipeline.task.classes().len() as u32).collect();
    let samples = pipeline.task.selected(Stage::Student, &chosen, &same);
    let batch = pipeline.test.batch();
    Loader::in_order(samples.source, batch).with_workers(pipeline.config.workers)
}

/// The teacher that a network is compared with. The baseline is compared with the one that it did not learn
/// from, and so is a student whose objective looks at labels alone.
fn reference_teacher(pipeline: &Pipeline<'_>, stage: Stage) -> Option<Reference> {
    match stage {
        Stage::Baseline | Stage::Student => Some(pipeline.config.recipe.teacher),
        _ => pipeline.config.recipe.learns_from(stage),
    }
}

/// Whether a record has all that this version writes.
fn is_whole(record: &TestRecord) -> bool {
    record.calibration.is_some() && record.last.balanced_accuracy.is_some()
}

/// What the figures of a network depend on.
fn compared(pipeline: &Pipeline<'_>, stage: Stage) -> Result<Vec<String>, DriverError> {
    let mut of = vec![pipeline.record(stage)?.fingerprint];
    if let Some(reference) = reference_teacher(pipeline, stage) {
        of.push(pipeline.record(reference.stage)?.fingerprint);
        if reference.weights != Weights::Selected {
            of.push(reference.to_string());
        }
    }
    if stage == Stage::Student {
        of.push(pipeline.record(Stage::Baseline)?.fingerprint);
    }
    Ok(of)
}

/// Whether a network's predictions are needed more than once: by those that are compared with it, or as evidence.
fn is_needed_again(pipeline: &Pipeline<'_>, of: Reference) -> bool {
    let stages = &pipeline.config.recipe.stages;
    [BASELINE, STUDENT].contains(&of)
        || stages.iter().any(|plan| reference_teacher(pipeline, plan.stage) == Some(of))
}

/// A network's predictions of the test split, cached where they are needed again.
fn predictions(
    pipeline: &Pipeline<'_>,
    of: Reference,
    cached: &mut CachedPredictions,
    observer: &mut dyn Observer,
) -> Result<Rc<Predictions>, DriverError> {
    if let Some((_, there)) = cached.iter().find(|(reference, _)| *reference == of) {
        return Ok(there.clone());
    }
    let predictions =
        predict(pipeline, of, &relabelled(pipeline, of.stage, &pipeline.test)?, observer)?;
    let predictions = Rc::new(predictions);
    if is_needed_again(pipeline, of) {
        cached.push((of, predictions.clone()));
    }
    Ok(predictions)
}

pub(super) fn predict(
    pipeline: &Pipeline<'_>,
    of: Reference,
    images: &Loader,
    observer: &mut dyn Observer,
) -> Result<Predictions, DriverError> {
    let network = for_evaluation(pipeline, of)?;
    let (mut done, total, started) = (0, images.samples() as u64, Instant::now());
    Predictions::collect(images, &pipeline.config.device, |input| {
        go_on(pipeline, of)?;
        done += input.samples() as u64;
        let logits = network.logits_on_host(input)?;
        let images_per_second = done as f64 / started.elapsed().as_secs_f64();
        observer.on(Event::Evaluated { stage: of.stage, done, total, images_per_second });
        Ok(logits)
    })
}

fn latency(pipeline: &Pipeline<'_>, of: Reference) -> Result<Latency, DriverError> {
    let network = for_evaluation(pipeline, of)?;
    let sample = pipeline.task.blank(&pipeline.config.device);
    Ok(Latency::of(|| network.logits(sample.clone()))?)
}

fn for_evaluation(pipeline: &Pipeline<'_>, of: Reference) -> Result<Teacher, DriverError> {
    go_on(pipeline, of)?;
    Ok(load_teacher(pipeline, of)?.for_evaluation())
}

fn go_on(pipeline: &Pipeline<'_>, of: Reference) -> Result<(), DriverError> {
    match pipeline.interrupt.load(Ordering::Relaxed) {
        true => Err(DriverError::Interrupted { stage: of.stage.name() }),
        false => Ok(()),
    }
}

/// Each class, with what changed since `before`.
fn classes(now: &Predictions, before: Option<&Predictions>) -> Vec<ClassRecord> {
    let mut records: Vec<ClassRecord> = Vec::new();
    for ClassScores { images, right, predicted, .. } in now.class_scores() {
        let predicted = Some(predicted);
        records.push(ClassRecord { images, right, predicted, ..Default::default() });
    }
    let before: Vec<bool> =
        before.map_or_else(|| now.right().collect(), |was| was.right().collect());
    for ((label, is), was) in now.labels().iter().zip(now.right()).zip(before) {
        let record = &mut records[*label as usize];
        record.gained += usize::from(is && !was);
        record.lost += usize::from(was && !is);
    }
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_gained_and_lost_is_counted_class_by_class() {
        // Two classes, four images; which class is likeliest, now and before.
        let of = |likeliest: [usize; 4]| {
            let logits = likeliest.into_iter().flat_map(|class| [(1 - class) as f32, class as f32]);
            Predictions::from_logits(logits.collect(), vec![0, 0, 1, 1], 2)
        };
        let found = classes(&of([0, 1, 1, 1]), Some(&of([1, 0, 1, 0])));
        let record = |right, predicted, gained, lost| ClassRecord {
            images: 2,
            right,
            predicted: Some(predicted),
            gained,
            lost,
        };
        assert_eq!(found, [record(1, 1, 1, 1), record(2, 3, 1, 0)]);
        assert_eq!(classes(&of([0, 1, 1, 1]), None)[0], record(1, 1, 0, 0));
    }
}
