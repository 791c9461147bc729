//! The final evaluation: the only place that reads the test split.

use std::{rc::Rc, sync::atomic::Ordering, time::Instant};

use distill_datasets::Loader;

use crate::{
    DriverError, Event, Observer, Stage,
    evaluation::{Calibration, Latency, MissingClasses, Predictions},
    evidence::{EVIDENCE, Evidence, Three},
    recipe::{Reference, StagePlan},
    records::{ClassRecord, TestRecord},
    store::{Weights, read_json, write_json},
    teacher::Teacher,
};

use super::Pipeline;

/// Predictions of the test split that are needed again.
type CachedPredictions = Vec<(Reference, Rc<Predictions>)>;

const BASELINE: Reference = Reference { stage: Stage::Baseline, weights: Weights::Last };
const STUDENT: Reference = Reference { stage: Stage::Student, weights: Weights::Last };

impl Pipeline<'_> {
    /// Reads the test split: once for each network that is not evaluated yet.
    pub(super) fn evaluate(&self, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let mut due = Vec::new();
        for StagePlan { stage, .. } in &self.config.recipe.stages {
            let old: Option<TestRecord> = read_json(&self.folder(*stage).join("test.json"))?;
            let of = self.compared(*stage)?;
            if !old.is_some_and(|old| old.calibration.is_some() && old.of == of) {
                due.push(*stage);
            }
        }
        let mut cached = Vec::new();
        for stage in due {
            observer.on(Event::Evaluating { stage });
            let teacher = match self.reference_teacher(stage) {
                Some(reference) => Some(self.predictions(reference, &mut cached, observer)?),
                None => None,
            };
            let selected = self.predictions(Reference::selected(stage), &mut cached, observer)?;
            let record = self.record(stage)?;
            let last_is_selected = record.selected.is_none_or(|best| best.epoch == record.epochs);
            let reference = Reference { stage, weights: Weights::Last };
            let last = match last_is_selected {
                true => selected.clone(),
                false => self.predictions(reference, &mut cached, observer)?,
            };
            let validation =
                self.predict(reference, &self.relabelled(stage, &self.validation)?, observer)?;
            if last_is_selected && self.is_needed_again(reference) {
                cached.push((reference, last.clone()));
            }
            let before = match stage {
                Stage::Student => Some(self.predictions(BASELINE, &mut cached, observer)?),
                _ => None,
            };
            let calibration = Calibration::of(&validation, &last);
            let figures = [calibration.nll, calibration.nll_scaled, selected.scores(None).nll];
            if let Some(figure) = figures.into_iter().find(|figure| !figure.is_finite()) {
                return Err(DriverError::Folder {
                    path: self.folder(stage),
                    problem: format!("on the test images the network's mean -log p is `{figure}`"),
                    hint: "its logits of some images are NaN or infinite; train it with a lower \
                           `optimizer.learning_rate`, or give another file"
                        .to_owned(),
                });
            }
            let missing = self.task.missing(stage);
            let names = self.task.classes();
            let missing = missing
                .contains(&true)
                .then(|| MissingClasses::of(names, missing, &validation, &last));
            let test = TestRecord {
                missing,
                of: self.compared(stage)?,
                last: last.scores(teacher.as_deref()),
                selected: selected.scores(teacher.as_deref()),
                calibration: Some(calibration),
                classes: classes(&last, before.as_deref(), self.class_names(stage).len()),
                latency: Some(self.latency(reference)?),
            };
            write_json(&self.folder(stage).join("test.json"), &test)?;
        }
        self.gather_evidence(&mut cached, observer)
    }

    /// Writes the evidence of the three networks' predictions, unless it is there.
    fn gather_evidence(
        &self,
        cached: &mut CachedPredictions,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let teacher = self.reference_teacher(Stage::Student).expect("a student has a teacher");
        let path = self.config.out.join(EVIDENCE);
        let mut of = vec![teacher.to_string()];
        for stage in Stage::ALL {
            of.push(self.record(stage)?.fingerprint);
        }
        // What was damaged, or written by another version, is made again.
        let old: Option<Evidence> = read_json(&path).unwrap_or_default();
        if old.is_some_and(|old| old.of == of) {
            return Ok(());
        }
        let (teacher, baseline, student) = (
            self.predictions(teacher, cached, observer)?,
            self.predictions(BASELINE, cached, observer)?,
            self.predictions(STUDENT, cached, observer)?,
        );
        let predictions = Three { teacher: &*teacher, baseline: &*baseline, student: &*student };
        let temperature = self.config.recipe.temperature();
        let classes = self.class_names(Stage::Student).to_vec();
        let evidence = Evidence::gather(of, classes, temperature, &*self.task, &predictions);
        write_json(&path, &evidence)
    }

    /// The teacher that a network is compared with. The baseline is compared with the one that it did not learn
    /// from, and so is a student whose objective looks at labels alone.
    fn reference_teacher(&self, stage: Stage) -> Option<Reference> {
        match stage {
            Stage::Baseline | Stage::Student => Some(self.config.recipe.teacher),
            _ => self.config.recipe.learns_from(stage),
        }
    }

    /// What the figures of a network depend on.
    fn compared(&self, stage: Stage) -> Result<Vec<String>, DriverError> {
        let mut of = vec![self.record(stage)?.fingerprint];
        if let Some(reference) = self.reference_teacher(stage) {
            of.push(self.record(reference.stage)?.fingerprint);
            if reference.weights != Weights::Selected {
                of.push(reference.to_string());
            }
        }
        if stage == Stage::Student {
            of.push(self.record(Stage::Baseline)?.fingerprint);
        }
        Ok(of)
    }

    /// Whether a network's predictions are needed more than once: by those that are compared with it, or as evidence.
    fn is_needed_again(&self, of: Reference) -> bool {
        let stages = &self.config.recipe.stages;
        [BASELINE, STUDENT].contains(&of)
            || stages.iter().any(|plan| self.reference_teacher(plan.stage) == Some(of))
    }

    /// A network's predictions of the test split, cached where they are needed again.
    fn predictions(
        &self,
        of: Reference,
        cached: &mut CachedPredictions,
        observer: &mut dyn Observer,
    ) -> Result<Rc<Predictions>, DriverError> {
        if let Some((_, there)) = cached.iter().find(|(reference, _)| *reference == of) {
            return Ok(there.clone());
        }
        let predictions = self.predict(of, &self.relabelled(of.stage, &self.test)?, observer)?;
        let predictions = Rc::new(predictions);
        if self.is_needed_again(of) {
            cached.push((of, predictions.clone()));
        }
        Ok(predictions)
    }

    pub(super) fn predict(
        &self,
        of: Reference,
        images: &Loader,
        observer: &mut dyn Observer,
    ) -> Result<Predictions, DriverError> {
        let network = self.for_evaluation(of)?;
        let (mut done, total, started) = (0, images.samples() as u64, Instant::now());
        Predictions::collect(images, &self.config.device, |input| {
            self.go_on(of)?;
            done += input.samples() as u64;
            let logits = network.logits_on_host(input)?;
            let images_per_second = done as f64 / started.elapsed().as_secs_f64();
            observer.on(Event::Evaluated { stage: of.stage, done, total, images_per_second });
            Ok(logits)
        })
    }

    fn latency(&self, of: Reference) -> Result<Latency, DriverError> {
        let network = self.for_evaluation(of)?;
        let sample = self.task.blank(&self.config.device);
        Ok(Latency::of(|| network.logits(sample.clone()))?)
    }

    fn for_evaluation(&self, of: Reference) -> Result<Teacher, DriverError> {
        self.go_on(of)?;
        Ok(self.teacher(of)?.for_evaluation())
    }

    fn go_on(&self, of: Reference) -> Result<(), DriverError> {
        match self.interrupt.load(Ordering::Relaxed) {
            true => Err(DriverError::Interrupted { stage: of.stage.name() }),
            false => Ok(()),
        }
    }
}

/// Each class, with what changed since `before`.
fn classes(now: &Predictions, before: Option<&Predictions>, classes: usize) -> Vec<ClassRecord> {
    let mut records = vec![ClassRecord::default(); classes];
    let before: Vec<bool> =
        before.map_or_else(|| now.right().collect(), |was| was.right().collect());
    for ((label, is), was) in now.labels().iter().zip(now.right()).zip(before) {
        let record = &mut records[*label as usize];
        record.images += 1;
        record.right += usize::from(is);
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
        let found = classes(&of([0, 1, 1, 1]), Some(&of([1, 0, 1, 0])), 2);
        let record = |images, right, gained, lost| ClassRecord { images, right, gained, lost };
        assert_eq!(found, [record(2, 1, 1, 1), record(2, 2, 1, 0)]);
        assert_eq!(classes(&of([0, 1, 1, 1]), None, 2)[0], record(2, 1, 0, 0));
    }
}
