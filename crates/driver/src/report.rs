//! `report.json`: the contract that other programs read.

use std::{collections::BTreeMap, path::Path};

use distill_objective::TermConfig;
use serde::{Deserialize, Serialize};

use crate::{
    DriverError, Stage,
    evaluation::{Calibration, ClassScores, Latency, MissingClasses, Scores},
    recipe::Recipe,
    records::{
        ClassRecord, DatasetRecord, LabelNoiseRecord, ModelCard, RunRecord, StageRecord, TestRecord,
    },
    remarks::{Findings, Remark, remarks},
    store::{read_json, require, unfinished, write_json},
    training::Precision,
};

/// Doubtful labels in a report at the most.
const LABELS_SHOWN: usize = 10;

/// A whole report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Report {
    /// Version of this layout: 1.
    pub schema: u32,
    /// Name of the recipe.
    pub recipe: String,
    /// Name of the backend.
    pub backend: String,
    /// Seed of the run.
    pub seed: u64,
    /// The student's objective.
    pub objective: ObjectiveReport,
    /// The data.
    pub dataset: DatasetRecord,
    /// The three networks that every run has.
    pub models: Models,
    /// The recipe's other networks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub networks: BTreeMap<String, ModelReport>,
    /// Training images whose label the student's teacher contradicts surely, the first ten of them; none without a
    /// teacher, and in runs of earlier versions. `student/label_noise.json` has all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label_noise: Option<LabelNoiseRecord>,
    /// Why distillation did not gain, as far as the run shows it; empty where the gain is clear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<Remark>,
    /// Test accuracy of the student minus the baseline's, both after their last epoch: the same
    /// budget, and nothing selected. With early stopping each has its own budget, and validation ended it.
    pub student_gain_top1: f64,
}

/// The objective as configured and as minimised.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ObjectiveReport {
    /// `0.40·T²·KL(T=5) + 0.50·CE`.
    pub formula: String,
    /// Each term with all its settings.
    pub terms: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// The three networks of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Models {
    /// The one that was learnt from.
    pub teacher: ModelReport,
    /// The student's network, trained on labels alone.
    pub baseline: ModelReport,
    /// The distilled student.
    pub student: ModelReport,
}

/// One network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelReport {
    /// Its name.
    pub architecture: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Size of its weights' file.
    pub bytes: u64,
    /// Epochs it was trained for; 0 where weights were given.
    pub epochs: usize,
    /// Epochs of its recipe, where it stopped early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_epochs: Option<usize>,
    /// What it was trained in.
    #[serde(default)]
    pub precision: Precision,
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// Seconds of these that went by waiting for batches.
    pub waiting_seconds: f64,
    /// Seconds of the teacher's forward passes in training; 0 with a teacher cache.
    pub teacher_seconds: f64,
    /// Batches skipped for a NaN or infinite loss or gradient.
    pub skipped: u64,
    /// Training throughput in images/s, for the student with the teacher's outputs; `None` for a pretrained
    /// network.
    pub images_per_second: Option<f64>,
    /// What the test split says.
    pub test: TestReport,
    /// How sure it is of what it says, after the last epoch, and with a fitted temperature.
    pub calibration: Calibration,
    /// Each class after the last epoch.
    pub classes: Vec<ClassReport>,
    /// After the last epoch: number of images of the row's class that are classified as the column's; none of more
    /// than 200 classes, and in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<usize>>>,
    /// What it says of classes that it never saw, where the recipe left some out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingClasses>,
    /// How long it takes for one image on this machine; none in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// One class of the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClassReport {
    /// Its name.
    pub name: String,
    /// Its images.
    pub images: usize,
    /// Those that are right.
    pub right: usize,
    /// Student only: those that are right and were wrong with the baseline.
    pub gained: usize,
    /// Student only: those that are wrong and were right with the baseline.
    pub lost: usize,
    /// Images that are classified as it, rightly or not; none in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<usize>,
    /// Share of what is classified as it that is of it; 0 where nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// Share of its images that are right; 0 without images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// Harmonic mean of precision and recall; 0 where both are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
}

/// Both honest readings of the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct TestReport {
    /// After the last epoch.
    pub last: Scores,
    /// Of the epoch that the validation split selected.
    pub selected: Scores,
}

impl Report {
    /// The network of a stage.
    ///
    /// # Panics
    /// For a network that the recipe has not.
    pub fn of(&self, stage: Stage) -> &ModelReport {
        match stage {
            Stage::Teacher => &self.models.teacher,
            Stage::Baseline => &self.models.baseline,
            Stage::Student => &self.models.student,
            Stage::Network(name) => &self.networks[name],
        }
    }

    /// All stages: the three that every run has, then the recipe's other networks by name.
    pub fn stages(&self) -> impl Iterator<Item = Stage> {
        let networks = self.networks.keys().map(|name| Stage::named(name));
        Stage::ALL.into_iter().chain(networks)
    }

    /// Puts the report together from what lies in a finished run's folder.
    ///
    /// # Errors
    /// [`DriverError::Folder`] where the folder is no finished run.
    pub fn assemble(run: &Path) -> Result<Self, DriverError> {
        let record = RunRecord::of_run(run)?;
        let recipe = Recipe::of_run(run)?;
        let card: ModelCard = require(&Stage::Student.folder(run), "model.json")?;
        let model = |stage: Stage| ModelReport::of_run(run, stage, &card.classes);
        let models = Models {
            teacher: model(Stage::Teacher)?,
            baseline: model(Stage::Baseline)?,
            student: model(Stage::Student)?,
        };
        let mut networks = BTreeMap::new();
        for name in recipe.networks.keys() {
            networks.insert(name.clone(), model(Stage::named(name))?);
        }
        let mut label_noise = LabelNoiseRecord::of_folder(&Stage::Student.folder(run))?;
        if let Some(noise) = &mut label_noise {
            noise.found.truncate(LABELS_SHOWN);
        }
        let top1 = [
            models.teacher.test.selected.top1,
            models.baseline.test.last.top1,
            models.student.test.last.top1,
        ];
        let classes = &models.student.classes;
        let changed = [
            classes.iter().map(|class| class.gained).sum(),
            classes.iter().map(|class| class.lost).sum(),
        ];
        let findings = Findings::of_run(run, top1, changed, record.dataset.test, &recipe.objective);
        Ok(Self {
            schema: 1,
            recipe: recipe.name,
            backend: record.backend,
            seed: record.seed,
            objective: ObjectiveReport {
                formula: record.formula,
                terms: recipe.objective.iter().map(term).collect(),
            },
            dataset: record.dataset,
            label_noise,
            remarks: remarks(&findings),
            student_gain_top1: models.student.test.last.top1 - models.baseline.test.last.top1,
            models,
            networks,
        })
    }

    /// Assembles the report and writes `report.json` into the run's folder.
    ///
    /// # Errors
    /// As [`assemble`](Self::assemble), and where the file cannot be written.
    pub fn write(run: &Path) -> Result<Self, DriverError> {
        let report = Self::assemble(run)?;
        write_json(&run.join("report.json"), &report)?;
        Ok(report)
    }
}

impl ModelReport {
    fn of_run(run: &Path, stage: Stage, names: &[String]) -> Result<Self, DriverError> {
        let folder = stage.folder(run);
        let stage = StageRecord::of_run(run, stage)?;
        let test: TestRecord = require(&folder, "test.json")?;
        // A specialist tells other classes apart than the rest.
        let card: Option<ModelCard> = read_json(&folder.join("model.json"))?;
        let names = card.map_or_else(|| names.to_vec(), |card| card.classes);
        let whole = test.calibration.filter(|_| names.len() == test.classes.len());
        let classes = names.len();
        let is_square = |rows: &Vec<Vec<usize>>| {
            rows.len() == classes && rows.iter().all(|row| row.len() == classes)
        };
        let whole = whole.filter(|_| test.confusion.as_ref().is_none_or(is_square));
        let calibration = whole.ok_or_else(|| unfinished(&folder, "whole `test.json"))?;
        Ok(Self {
            precision: stage.precision(),
            architecture: stage.model,
            parameters: stage.cost.parameters,
            macs: stage.cost.macs,
            bytes: stage.bytes,
            epochs: stage.epochs,
            planned_epochs: stage.planned_epochs,
            seconds: stage.seconds,
            waiting_seconds: stage.waiting_seconds,
            teacher_seconds: stage.teacher_seconds,
            skipped: stage.skipped,
            images_per_second: stage.images_per_second,
            test: TestReport { last: test.last, selected: test.selected },
            calibration,
            missing: test.missing,
            confusion: test.confusion,
            latency: test.latency,
            classes: names.into_iter().zip(test.classes).map(class).collect(),
        })
    }
}

fn class((name, record): (String, ClassRecord)) -> ClassReport {
    let ClassRecord { images, right, predicted, gained, lost } = record;
    let scores = predicted.map(|predicted| ClassScores::of([images, predicted, right]));
    ClassReport {
        name,
        images,
        right,
        gained,
        lost,
        predicted,
        precision: scores.map(|scores| scores.precision),
        recall: scores.map(|scores| scores.recall),
        f1: scores.map(|scores| scores.f1),
    }
}

/// A term's settings with its name under `name`.
fn term(config: &TermConfig) -> serde_json::Map<String, serde_json::Value> {
    let value = serde_json::to_value(config).expect("a term serialises");
    let serde_json::Value::Object(fields) = value else { unreachable!("a term is a table") };
    let renamed = fields.into_iter().map(|(key, value)| match key.as_str() {
        "term" => ("name".to_owned(), value),
        _ => (key, value),
    });
    renamed.collect()
}
