//! Runs over a grid of recipe fields: what each point gave, and which are worth their size.

mod fields;
mod labels;
mod latency;
mod page;
mod pareto;
#[cfg(test)]
mod sample;

use std::path::{Path, PathBuf};

use distill_driver::{
    Comparison, Difference, DriverError, Figure, Report, Stage,
    metrics::{self, Line},
};
use serde::Serialize;

pub(crate) use page::name;
#[cfg(test)]
use sample::sample;

/// Its name in a sweep's folder.
pub const SWEEP: &str = "sweep.json";

/// A grid of runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Sweep {
    /// Version of this layout: 1.
    pub schema: u32,
    /// Name of the recipe.
    pub recipe: String,
    /// Name of the backend.
    pub backend: String,
    /// Settings that all points have, as `--set` takes them.
    pub settings: Vec<String>,
    /// Fields that differ between the points, as `--set` takes them.
    pub fields: Vec<String>,
    /// Seeds that each point was asked for with, those of the last call first.
    pub seeds: Vec<u64>,
    /// The points, in the order of the grid; those of earlier calls behind.
    pub points: Vec<Point>,
}

/// `sweep.json`: a sweep, and what follows from its points.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepRecord<'a> {
    /// The sweep itself.
    #[serde(flatten)]
    sweep: &'a Sweep,
    /// Name of the point that validation chooses; `null` where there is none.
    chosen: Option<&'a str>,
    /// Names of the points on the Pareto front of test accuracy against parameters, by rising parameters.
    front: Vec<&'a str>,
}

/// One place of a grid.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Point {
    /// Its name, also that of its folder.
    pub name: String,
    /// Value of each field.
    pub values: Vec<String>,
    /// Folders of its finished runs, one a seed.
    pub runs: Vec<PathBuf>,
    /// What stopped runs that cannot be finished.
    pub failures: Vec<String>,
    /// What it gave; none before its first run is finished.
    pub figures: Option<PointFigures>,
}

/// What a point gave, over its seeds. Rates are fractions in `[0, 1]`, NLL is in nats.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PointFigures {
    /// Seeds of the runs.
    pub seeds: Vec<u64>,
    /// What the student minimises.
    pub formula: String,
    /// The student's network.
    pub architecture: String,
    /// The student on the validation images, after the last epoch. It is what points may be chosen by.
    pub validation: Figure,
    /// The student on the test images, after the last epoch.
    pub top1_last: Figure,
    /// The same for the epoch that validation selected.
    pub top1_selected: Figure,
    /// The student's NLL on the test images, after the last epoch.
    pub nll: Figure,
    /// The baseline on the test images, after the last epoch.
    pub baseline: Figure,
    /// Student minus baseline of the same run.
    pub gain: Difference,
    /// The student's trainable numbers.
    pub parameters: u64,
    /// Its multiply-accumulates for one image.
    pub macs: u64,
    /// Bytes of its weights.
    pub bytes: u64,
    /// Median over the runs of the seconds for one image, where it was measured.
    pub latency: Option<f64>,
}

impl Point {
    /// Reads the point's finished runs.
    ///
    /// # Errors
    /// [`DriverError`] where a folder is no finished run.
    pub fn read(
        name: String,
        values: Vec<String>,
        runs: Vec<PathBuf>,
        failures: Vec<String>,
    ) -> Result<Self, DriverError> {
        let figures = if runs.is_empty() { None } else { Some(PointFigures::of(&runs)?) };
        Ok(Self { name, values, runs, failures, figures })
    }
}

impl PointFigures {
    fn of(runs: &[PathBuf]) -> Result<Self, DriverError> {
        let comparison = Comparison::of(runs)?;
        let group = comparison.groups.into_iter().next().expect("runs are a group");
        let figures = |stage| {
            let found = group.models.iter().find(|model| model.stage == stage);
            found.expect("each run has the three")
        };
        let (student, baseline) = (figures(Stage::Student), figures(Stage::Baseline));
        let reports: Vec<Report> =
            runs.iter().map(|run| Report::assemble(run)).collect::<Result<_, _>>()?;
        let model = &reports[0].models.student;
        let validation: Vec<f64> =
            runs.iter().map(|run| validation(run)).collect::<Result<_, _>>()?;
        let latency = reports.iter().filter_map(|report| report.models.student.latency);
        let mut latency: Vec<f64> = latency.map(|latency| latency.median).collect();
        latency.sort_by(f64::total_cmp);
        Ok(Self {
            validation: Figure::of(validation),
            top1_last: student.top1_last.clone(),
            top1_selected: student.top1_selected.clone(),
            nll: student.nll.clone(),
            architecture: student.architecture.clone(),
            baseline: baseline.top1_last.clone(),
            parameters: model.parameters,
            macs: model.macs,
            bytes: model.bytes,
            latency: latency.get(latency.len() / 2).copied(),
            seeds: group.seeds,
            formula: group.formula,
            gain: group.gain_last,
        })
    }
}

/// Accuracy of a run's student on the validation images after its last epoch.
fn validation(run: &Path) -> Result<f64, DriverError> {
    let lines = metrics::of_run(run, Stage::Student)?;
    let last = lines.iter().rev().find_map(|line| match line {
        Line::Epoch(record) => Some(record.validation_top1),
        _ => None,
    });
    last.ok_or_else(|| DriverError::Folder {
        path: run.join("student/metrics.jsonl"),
        problem: "no epoch is in it".to_owned(),
        hint: "remove the folder `student` and run the sweep again".to_owned(),
    })
}

impl Sweep {
    /// Writes `sweep.json` and `sweep.html` into `folder`, and says where the page lies.
    ///
    /// # Errors
    /// [`DriverError::Io`].
    pub fn write(&self, folder: &Path) -> Result<PathBuf, DriverError> {
        let mut json = serde_json::to_vec_pretty(&self.record()).expect("records serialise");
        json.push(b'\n');
        distill_driver::write_atomic(&folder.join(SWEEP), &json)?;
        let page = folder.join("sweep.html");
        distill_driver::write_atomic(&page, page::html(self).into_string().as_bytes())?;
        Ok(page)
    }

    /// The sweep as `sweep.json` holds it.
    pub fn record(&self) -> SweepRecord<'_> {
        SweepRecord {
            sweep: self,
            chosen: self.chosen().map(|(point, _)| &*point.name),
            front: self.front(|figures| Some(figures.parameters as f64)),
        }
    }

    /// Points that are done, with their figures.
    pub fn done(&self) -> impl Iterator<Item = (&Point, &PointFigures)> {
        self.points.iter().filter_map(|point| Some((point, point.figures.as_ref()?)))
    }

    /// The point that the validation images choose, among those whose student is no worse than its own baseline; none
    /// where all are worse, or no run is finished.
    pub fn chosen(&self) -> Option<(&Point, &PointFigures)> {
        let validation = |(_, figures): &(&Point, &PointFigures)| figures.validation.mean;
        // Of equal ones the first.
        self.done()
            .filter(|(_, figures)| figures.gain.figure.mean >= 0.0)
            .reduce(|best, next| if validation(&next) > validation(&best) { next } else { best })
    }

    /// The point that loses least, or gains most, against its own baseline; `None` without a finished run.
    pub fn most_gained(&self) -> Option<(&Point, &PointFigures)> {
        let gain = |(_, figures): &(&Point, &PointFigures)| figures.gain.figure.mean;
        self.done().reduce(|best, next| if gain(&next) > gain(&best) { next } else { best })
    }

    /// Names of the points that no other one beats in accuracy with the same cost or less.
    pub fn front(&self, cost: impl Fn(&PointFigures) -> Option<f64>) -> Vec<&str> {
        let all: Vec<_> = self
            .done()
            .filter_map(|(point, figures)| {
                Some((point.name.as_str(), [cost(figures)?, figures.top1_last.mean]))
            })
            .collect();
        let places: Vec<[f64; 2]> = all.iter().map(|(_, place)| *place).collect();
        pareto::front(&places).into_iter().map(|at| all[at].0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points with these validation accuracies and gains, in thousandths.
    fn sweep(points: &[(i32, i32)]) -> Sweep {
        let names: Vec<String> = (0..points.len()).map(|at| at.to_string()).collect();
        let samples: Vec<(&str, u64, Option<f64>)> =
            names.iter().map(|name| (&**name, 1, None)).collect();
        let mut sweep = sample(&samples);
        for (point, (validation, gain)) in sweep.points.iter_mut().zip(points) {
            let figures = point.figures.as_mut().unwrap();
            figures.validation = Figure::of(vec![f64::from(*validation) / 1e3]);
            figures.gain.figure = Figure::of(vec![f64::from(*gain) / 1e3]);
        }
        sweep
    }

    #[test]
    fn a_student_that_is_worse_than_its_baseline_is_never_chosen() {
        let chosen = |points: &[(i32, i32)]| {
            let sweep = sweep(points);
            sweep.chosen().map(|(point, _)| point.values[0].clone())
        };
        let some = |at: &str| Some(at.to_owned());
        assert_eq!(chosen(&[(900, -1), (700, 5), (800, 2)]), some("2"));
        assert_eq!(chosen(&[(900, 0), (800, 40)]), some("0"), "as good as its baseline");
        assert_eq!(chosen(&[(900, 1), (900, 2)]), some("0"), "of equal ones the first");
        assert_eq!(chosen(&[(900, -1), (800, -20)]), None);
        assert_eq!(chosen(&[]), None);
        let sweep = sweep(&[(900, -20), (800, -1)]);
        assert_eq!(sweep.most_gained().unwrap().0.values, ["1"]);
        let page = page::html(&sweep).into_string();
        assert!(page.contains("No student is as good as its baseline"), "{page}");
        assert!(page.contains("10.00 points") || page.contains("0.10 points"), "{page}");
        assert!(page.contains("its baseline") && !page.contains("which validation chooses"));
        assert!(!page.contains("No run is finished yet"));
    }
}
