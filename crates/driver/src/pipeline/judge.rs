//! The final evaluation: the only place that reads the test split.

use std::sync::atomic::Ordering;

use crate::{
    DriverError, Event, Observer, Stage,
    evaluate::Predictions,
    files::{read_json, write_json},
    stage::TestRecord,
};

use super::Pipeline;

impl Pipeline<'_> {
    /// Reads the test split: once for each network that it has not judged yet.
    pub(super) fn evaluate(&self, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let teacher_of = self.record(Stage::Teacher)?.fingerprint;
        let fingerprints = |stage: Stage| {
            Ok::<_, DriverError>(vec![self.record(stage)?.fingerprint, teacher_of.clone()])
        };
        let mut due = Vec::new();
        for stage in Stage::ALL {
            let old: Option<TestRecord> = read_json(&self.folder(stage).join("test.json"))?;
            if old.is_none_or(|old| fingerprints(stage).is_ok_and(|of| of != old.of)) {
                due.push(stage);
            }
        }
        if due.is_empty() {
            return Ok(());
        }
        let predict = |stage: Stage, file: &str| {
            if self.interrupt.load(Ordering::Relaxed) {
                return Err(DriverError::Interrupted { stage: stage.name() });
            }
            let network = self.load(stage, file)?;
            let device = &self.config.device;
            Ok::<_, DriverError>(Predictions::of(&network, &self.test, self.view(stage), device))
        };
        // The students learnt from the selected teacher, so that is the one they are compared with.
        observer.on(Event::Evaluating { stage: Stage::Teacher });
        let teacher = predict(Stage::Teacher, "selected.bpk")?;
        for stage in due {
            if stage != Stage::Teacher {
                observer.on(Event::Evaluating { stage });
            }
            let compare = (stage != Stage::Teacher).then_some(&teacher);
            let record = self.record(stage)?;
            let selected = match stage {
                Stage::Teacher => teacher.scores(None),
                _ => predict(stage, "selected.bpk")?.scores(compare),
            };
            let last_is_selected = record.selected.is_none_or(|best| best.epoch == record.epochs);
            let last = match last_is_selected {
                true => selected,
                false => predict(stage, "last.bpk")?.scores(compare),
            };
            let test = TestRecord { of: fingerprints(stage)?, last, selected };
            write_json(&self.folder(stage).join("test.json"), &test)?;
        }
        Ok(())
    }
}
