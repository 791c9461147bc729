//! Finished runs beside one another: several seeds of a recipe, several recipes.

mod statistics;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use serde::Serialize;

pub use statistics::{Difference, Figure, Over};

use crate::{
    DriverError, Report, Stage,
    evaluation::MissingClasses,
    recipe::Recipe,
    records::StageRecord,
    report::{ClassReport, ModelReport},
    store::write_json,
};

/// Runs in groups that differ by nothing but the seed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Comparison {
    /// Version of this layout: 1.
    pub schema: u32,
    /// The groups, in the order of their first runs.
    pub groups: Vec<Group>,
}

/// Runs of one recipe with different seeds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Group {
    /// Name of the recipe.
    pub recipe: String,
    /// What its student minimises.
    pub formula: String,
    /// Name of the backend.
    pub backend: String,
    /// Folder of each run.
    pub runs: Vec<PathBuf>,
    /// Seed of each run.
    pub seeds: Vec<u64>,
    /// Test images of each run.
    pub images: usize,
    /// The three networks that every run has, then the recipe's others by name.
    pub models: Vec<ModelFigures>,
    /// Test accuracy of the student minus the baseline's of the same run, after the last epoch.
    pub gain_last: Difference,
    /// The same for the epochs that the validation split selected.
    pub gain_selected: Difference,
    /// What became of each class, all runs together.
    pub classes: Vec<ClassFigures>,
    /// Student of this group minus that of the first group, after the last epoch, over the seeds that both
    /// have. None of the first group, and without common seeds.
    pub against_first: Option<Difference>,
}

/// One network over the runs of a group. Rates are fractions in `[0, 1]`, NLL is in nats.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ModelFigures {
    /// Which network of the runs.
    pub stage: Stage,
    /// Name of its architecture.
    pub architecture: String,
    /// Top-1 accuracy on the test images, after the last epoch.
    pub top1_last: Figure,
    /// The same for the epochs that the validation split selected.
    pub top1_selected: Figure,
    /// Mean −log p of the right class on the test images, after the last epoch.
    pub nll: Figure,
    /// Expected calibration error, after the last epoch.
    pub ece: Figure,
    /// The temperature that fits the validation images best.
    pub temperature: Figure,
    /// `nll` with logits divided by it.
    pub nll_scaled: Figure,
    /// `ece` with logits divided by it.
    pub ece_scaled: Figure,
    /// Share of the test images on which it agrees with its teacher; of networks that have one, and of the baseline.
    pub teacher_agreement: Option<Figure>,
    /// Of networks that never saw some classes.
    pub missing: Option<MissingFigures>,
}

/// What networks that never saw some classes say of the test images, after the last epoch. Numbers of images.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct MissingFigures {
    /// Names of these classes.
    pub classes: Vec<String>,
    /// Test images of these classes.
    pub images: usize,
    /// Errors as trained.
    pub errors: Figure,
    /// Those of them that are of these classes.
    pub errors_of_missing: Figure,
    /// Errors with the logits of these classes shifted by what is best on the validation images.
    pub shifted: Figure,
    /// Those of them that are of these classes.
    pub shifted_of_missing: Figure,
    /// Errors with the shift that is best on the test images themselves: a bound, no result.
    pub bound: Figure,
}

/// One class over the runs of a group, after the last epoch.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ClassFigures {
    /// Its name.
    pub name: String,
    /// Its test images in each run.
    pub images: usize,
    /// Share that the baseline gets right.
    pub baseline: f64,
    /// Share that the student gets right.
    pub student: f64,
    /// Images that the student gets right and the baseline does not, mean of the runs.
    pub gained: f64,
    /// Images that the baseline gets right and the student does not, mean of the runs.
    pub lost: f64,
}

impl Comparison {
    /// Reads finished runs.
    ///
    /// # Errors
    /// [`DriverError`] for a folder that is no finished run, and for runs that were not tested on the same
    /// images.
    pub fn of(runs: &[PathBuf]) -> Result<Self, DriverError> {
        let mut groups: Vec<Vec<Run>> = Vec::new();
        let mut data: Option<(String, usize)> = None;
        for folder in runs {
            let run = Run::read(folder)?;
            let own = (run.report.dataset.sha256.clone(), run.report.dataset.test);
            if data.get_or_insert_with(|| own.clone()) != &own {
                return Err(DriverError::Folder {
                    path: folder.clone(),
                    problem: "it was tested on other images than the runs before it".to_owned(),
                    hint: "compare runs of one dataset".to_owned(),
                });
            }
            match groups.iter_mut().find(|group| group[0].is_like(&run)) {
                Some(group) if group.iter().any(|other| other.report.seed == run.report.seed) => {
                    return Err(DriverError::Folder {
                        path: folder.clone(),
                        problem: format!(
                            "the same recipe with seed {} is there already",
                            run.report.seed
                        ),
                        hint: "name each run once".to_owned(),
                    });
                }
                Some(group) => group.push(run),
                None => groups.push(vec![run]),
            }
        }
        let mut summaries = Vec::with_capacity(groups.len());
        for (at, group) in groups.iter().enumerate() {
            summaries.push(Group::of(group, (at > 0).then_some(&groups[0])));
        }
        Ok(Self { schema: 1, groups: summaries })
    }

    /// Writes the comparison as JSON.
    ///
    /// # Errors
    /// [`DriverError::Io`].
    pub fn write(&self, path: &Path) -> Result<(), DriverError> {
        write_json(path, self)
    }
}

struct Run {
    folder: PathBuf,
    /// The recipe without what may differ between seeds, and without what changes no result.
    recipe: Recipe,
    /// sha256 of given weights, by the name of the network.
    given: BTreeMap<String, String>,
    report: Report,
}

impl Run {
    fn read(folder: &Path) -> Result<Self, DriverError> {
        let report = Report::assemble(folder)?;
        let mut recipe = Recipe::of_run(folder)?;
        (recipe.seed, recipe.log_every, recipe.checkpoint_every) = (0, 0, None);
        recipe.description.clear();
        let networks = recipe.networks.keys().map(|name| Stage::named(name));
        let mut given = BTreeMap::new();
        for stage in networks.chain([Stage::Teacher]) {
            let weights = StageRecord::of_run(folder, stage)?.inputs["weights"].take();
            given.extend(weights.as_str().map(|hash| (stage.name().to_owned(), hash.to_owned())));
        }
        for section in recipe.networks.values_mut().chain([&mut recipe.teacher]) {
            section.weights = None;
        }
        let others = recipe.networks.values().chain([&recipe.teacher]);
        let like_student = others.filter(|section| section.from.is_some() || section.paired);
        let epochs = like_student.chain([&recipe.student]).filter_map(|section| section.epochs);
        let longest = epochs.max().unwrap_or(0);
        recipe.cache =
            recipe.cache.filter(|cache| !cache.is_exact() || cache.views_of(longest) < longest);
        if let Some(cache) = &mut recipe.cache {
            cache.limit_gib = None;
        }
        Ok(Self { folder: folder.to_owned(), recipe, given, report })
    }

    /// Whether nothing but the seed differs.
    fn is_like(&self, other: &Self) -> bool {
        let backend = |run: &Self| run.report.backend.clone();
        self.recipe == other.recipe && self.given == other.given && backend(self) == backend(other)
    }

    fn gain(&self) -> f64 {
        self.report.student_gain_top1
    }

    fn gain_of_selected(&self) -> f64 {
        let models = &self.report.models;
        models.student.test.selected.top1 - models.baseline.test.selected.top1
    }
}

impl Group {
    fn of(runs: &[Run], first: Option<&Vec<Run>>) -> Self {
        let report = &runs[0].report;
        let models = report.stages().map(|stage| {
            let of_runs: Vec<&ModelReport> = runs.iter().map(|run| run.report.of(stage)).collect();
            ModelFigures::of(stage, &of_runs)
        });
        let classes = ClassFigures::of(runs);
        let gain_last = match runs {
            [one] => {
                let sum = |part: fn(&ClassReport) -> usize| {
                    one.report.models.student.classes.iter().map(part).sum()
                };
                Difference::of_images(sum(|c| c.gained), sum(|c| c.lost), sum(|c| c.images))
            }
            _ => Difference::of_runs(runs.iter().map(Run::gain).collect()),
        };
        Self {
            recipe: report.recipe.clone(),
            formula: report.objective.formula.clone(),
            backend: report.backend.clone(),
            runs: runs.iter().map(|run| run.folder.clone()).collect(),
            seeds: runs.iter().map(|run| run.report.seed).collect(),
            images: report.dataset.test,
            models: models.collect(),
            gain_last,
            gain_selected: Difference::of_runs(runs.iter().map(Run::gain_of_selected).collect()),
            classes,
            against_first: first.and_then(|first| against(runs, first)),
        }
    }
}

/// Students after the last epoch, seed by seed.
fn against(runs: &[Run], first: &[Run]) -> Option<Difference> {
    let top1 = |run: &Run| run.report.models.student.test.last.top1;
    let mut differences = Vec::new();
    for run in runs {
        let other = first.iter().find(|other| other.report.seed == run.report.seed);
        differences.extend(other.map(|other| top1(run) - top1(other)));
    }
    (!differences.is_empty()).then(|| Difference::of_runs(differences))
}

impl ModelFigures {
    fn of(stage: Stage, runs: &[&ModelReport]) -> Self {
        let figure = |part: fn(&ModelReport) -> f64| {
            Figure::of(runs.iter().map(|model| part(model)).collect())
        };
        let agreement: Option<Vec<f64>> =
            runs.iter().map(|model| model.test.last.teacher_agreement).collect();
        Self {
            stage,
            architecture: runs[0].architecture.clone(),
            top1_last: figure(|model| model.test.last.top1),
            top1_selected: figure(|model| model.test.selected.top1),
            nll: figure(|model| model.calibration.nll),
            ece: figure(|model| model.calibration.ece),
            temperature: figure(|model| model.calibration.temperature),
            nll_scaled: figure(|model| model.calibration.nll_scaled),
            ece_scaled: figure(|model| model.calibration.ece_scaled),
            teacher_agreement: agreement.map(Figure::of),
            missing: MissingFigures::of(runs),
        }
    }
}

impl MissingFigures {
    fn of(runs: &[&ModelReport]) -> Option<Self> {
        let all: Vec<&MissingClasses> =
            runs.iter().map(|model| model.missing.as_ref()).collect::<Option<_>>()?;
        let figure = |part: fn(&MissingClasses) -> usize| {
            Figure::of(all.iter().map(|missing| part(missing) as f64).collect())
        };
        Some(Self {
            classes: all[0].classes.clone(),
            images: all[0].images,
            errors: figure(|missing| missing.trained.errors),
            errors_of_missing: figure(|missing| missing.trained.errors_of_missing),
            shifted: figure(|missing| missing.by_validation.errors),
            shifted_of_missing: figure(|missing| missing.by_validation.errors_of_missing),
            bound: figure(|missing| missing.by_test.errors),
        })
    }
}

impl ClassFigures {
    fn of(runs: &[Run]) -> Vec<Self> {
        let classes = &runs[0].report.models.student.classes;
        (0..classes.len()).map(|at| Self::of_class(at, &classes[at], runs)).collect()
    }

    fn of_class(at: usize, class: &ClassReport, runs: &[Run]) -> Self {
        let mean = |stage: Stage, part: fn(&ClassReport) -> usize| {
            let parts = runs.iter().map(|run| part(&run.report.of(stage).classes[at]) as f64);
            parts.sum::<f64>() / runs.len() as f64
        };
        let share = |stage| mean(stage, |class| class.right) / class.images.max(1) as f64;
        Self {
            name: class.name.clone(),
            images: class.images,
            baseline: share(Stage::Baseline),
            student: share(Stage::Student),
            gained: mean(Stage::Student, |class| class.gained),
            lost: mean(Stage::Student, |class| class.lost),
        }
    }
}
