//! Whether a run has a better network than the one that is exported.

use std::path::Path;

use serde::Serialize;

use crate::{DriverError, ModelReport, Report, Stage, Weights};

/// A network of a run that is better than another one, and no larger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Better {
    /// The better network.
    pub stage: Stage,
    /// Its share of right test images, after the last epoch.
    pub top1: f64,
    /// That of the other one.
    pub other_top1: f64,
}

/// The best network of a finished run, where it tells the same classes apart as `stage`'s with fewer errors on the test
/// images after the last epoch, and has no more parameters; `None` where there is none, or the run is not finished.
///
/// # Errors
/// [`DriverError`] for damaged records.
pub fn better_than(run: &Path, stage: Stage) -> Result<Option<Better>, DriverError> {
    let report = match Report::assemble(run) {
        Ok(report) => report,
        Err(DriverError::Folder { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if report.stages().all(|other| other != stage) {
        return Ok(None);
    }
    let own = report.of(stage);
    let selected = Weights::Selected.file();
    // A specialist tells its own classes from all others: its score is of another task.
    let names = |stage| names(report.of(stage));
    if names(stage) != names(Stage::Student) {
        return Ok(None);
    }
    let others = report.stages().filter(|other| other.folder(run).join(&selected).is_file());
    let better = others.filter(|other| is_better(report.of(*other), own));
    let best = better.reduce(|best, next| {
        let top1 = |stage| report.of(stage).test.last.top1;
        if top1(next) > top1(best) { next } else { best }
    });
    Ok(best.map(|stage| Better {
        stage,
        top1: report.of(stage).test.last.top1,
        other_top1: own.test.last.top1,
    }))
}

fn names(of: &ModelReport) -> Vec<&str> {
    of.classes.iter().map(|class| class.name.as_str()).collect()
}

fn is_better(other: &ModelReport, own: &ModelReport) -> bool {
    other.test.last.top1 > own.test.last.top1
        && other.parameters <= own.parameters
        && names(other) == names(own)
}
