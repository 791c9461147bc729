//! What a finished run left in its folder.

use std::path::Path;

use distill_driver::{
    Comparison, DriverError, Group, Report, RunRecord, Stage,
    evidence::Evidence,
    metrics::{self, Line},
};

/// All that the page is made of.
pub(crate) struct Finished {
    pub(crate) report: Report,
    pub(crate) record: RunRecord,
    /// `recipe.toml` as it lies there.
    pub(crate) recipe: String,
    /// Epochs of the student.
    pub(crate) lines: Vec<(Stage, Vec<Line>)>,
    /// The gain with its interval.
    pub(crate) group: Group,
    /// None in runs of earlier versions.
    pub(crate) evidence: Option<Evidence>,
}

impl Finished {
    pub(crate) fn read(run: &Path) -> Result<Self, DriverError> {
        let report = Report::assemble(run)?;
        let comparison = Comparison::of(&[run.to_owned()])?;
        let lines = Stage::ALL.into_iter().map(|stage| Ok((stage, metrics::of_run(run, stage)?)));
        let path = run.join("recipe.toml");
        let recipe = std::fs::read_to_string(&path);
        Ok(Self {
            record: RunRecord::of_run(run)?,
            recipe: recipe.map_err(|source| DriverError::Io { path, source })?,
            lines: lines.collect::<Result<_, DriverError>>()?,
            group: comparison.groups.into_iter().next().expect("one run is one group"),
            evidence: Evidence::of_run(run)?,
            report,
        })
    }

    /// What a stage wrote while it was trained.
    pub(crate) fn lines(&self, stage: Stage) -> &[Line] {
        let of = self.lines.iter().find(|(own, _)| *own == stage);
        of.map_or(&[], |(_, lines)| lines)
    }
}
