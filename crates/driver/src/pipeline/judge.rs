//! The final evaluation: the only place that reads the test split.

use std::sync::atomic::Ordering;

use distill_datasets::Loader;

use crate::{
    DriverError, Event, Observer, Stage,
    evaluate::{Calibration, MissingClasses, Predictions},
    files::{read_json, write_json},
    stage::{ClassRecord, TestRecord},
};

use super::Pipeline;

impl Pipeline<'_> {
    /// Reads the test split: once for each network that it has not judged yet.
    pub(super) fn evaluate(&self, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let of = |stage: Stage| Ok::<_, DriverError>(self.record(stage)?.fingerprint);
        let compared = |stage: Stage| match stage {
            Stage::Student => vec![stage, Stage::Teacher, Stage::Baseline],
            _ => vec![stage, Stage::Teacher],
        };
        let fingerprints =
            |stage: Stage| compared(stage).into_iter().map(of).collect::<Result<Vec<_>, _>>();
        let mut due = Vec::new();
        for stage in Stage::ALL {
            let old: Option<TestRecord> = read_json(&self.folder(stage).join("test.json"))?;
            let holds = |old: &TestRecord| {
                old.calibration.is_some() && fingerprints(stage).is_ok_and(|of| of == old.of)
            };
            if !old.is_some_and(|old| holds(&old)) {
                due.push(stage);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let predict = |stage: Stage, file: &str, images: &Loader| {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(DriverError::Interrupted { stage: stage.name() });
            }
            let network = self.load(stage, file)?;
            let device = &self.config.device;
            Ok::<_, DriverError>(Predictions::of(&network, images, self.view(stage), device))
        };
        // The students learnt from the selected teacher, so that is the one they are compared with.
        observer.on(Event::Evaluating { stage: Stage::Teacher });
        let teacher = predict(Stage::Teacher, "selected.bpk", &self.test)?;
        let mut baseline = None;
        for stage in due {
            if stage != Stage::Teacher {
                observer.on(Event::Evaluating { stage });
            }
            let compare = (stage != Stage::Teacher).then_some(&teacher);
            let record = self.record(stage)?;
            let selected = match stage {
                Stage::Teacher => teacher.clone(),
                _ => predict(stage, "selected.bpk", &self.test)?,
            };
            let last_is_selected = record.selected.is_none_or(|best| best.epoch == record.epochs);
            let last = match last_is_selected {
                true => selected.clone(),
                false => predict(stage, "last.bpk", &self.test)?,
            };
            let validation = predict(stage, "last.bpk", &self.validation)?;
            let before = match (stage, baseline.take()) {
                (Stage::Student, None) => Some(predict(Stage::Baseline, "last.bpk", &self.test)?),
                (Stage::Student, before) => before,
                _ => None,
            };
            let calibration = Calibration::of(&validation, &last);
            let figures = [calibration.nll, calibration.nll_scaled, selected.scores(None).nll];
            if let Some(figure) = figures.into_iter().find(|figure| !figure.is_finite()) {
                return Err(DriverError::Folder {
                    path: self.folder(stage),
                    problem: format!("on the test images the network's mean -log p is `{figure}`"),
                    hint: "its weights answer some images with what is no number; train it with a lower \
                           `optimizer.learning_rate`, or give another file"
                        .to_owned(),
                });
            }
            let leaves_out = stage != Stage::Teacher && self.missing.contains(&true);
            let names = &self.dataset.classes;
            let missing =
                leaves_out.then(|| MissingClasses::of(names, &self.missing, &validation, &last));
            let test = TestRecord {
                missing,
                of: fingerprints(stage)?,
                last: last.scores(compare),
                selected: selected.scores(compare),
                calibration: Some(calibration),
                classes: classes(&last, before.as_ref(), self.dataset.classes.len()),
            };
            write_json(&self.folder(stage).join("test.json"), &test)?;
            if stage == Stage::Baseline {
                baseline = Some(last);
            }
        }
        Ok(())
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
