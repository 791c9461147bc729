//! The whole pipeline: data, teacher, baseline, student, evaluation, report, export.

mod answers;
mod given;
mod judge;
mod make;

use std::{
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use burn::tensor::Device;
use distill_datasets::{
    Dataset, ImageSet, ImageShape, Loader,
    keyed::{KeyedRng, Operation},
    load,
};
use distill_models::{Network, Signature, weights};
use distill_objective::TermConfig;
use serde_json::json;

use crate::{
    DriverError, Event, ExportConfig, Observer, Report, Stage, StageRecord, Teacher, View, export,
    files::{read_json, write_atomic, write_json},
    learner::try_connection,
    recipe::{Resolved, ResolvedStage},
    run_folder::{BURN, DatasetRecord, Host, RunRecord, device_name, prepare},
};

/// Names and layout of the numbers in files of weights; stages with files of another one are made again.
pub(crate) const WEIGHTS_FORMAT: u32 = 2;

/// Images of a batch in evaluation. Part of the answer where a norm uses batch statistics.
pub const EVALUATION_BATCH: usize = 500;

/// One run of a recipe.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// What to do.
    pub recipe: Resolved,
    /// Seed of weights, order, views and dropout.
    pub seed: u64,
    /// The run's folder.
    pub out: PathBuf,
    /// Where data lies and is fetched to.
    pub data: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// Whether to go on with an interrupted stage.
    pub resume: bool,
    /// Name of the backend, for records.
    pub backend: String,
    /// The device, without autodiff.
    pub device: Device,
    /// Where the teacher's answers are kept, if the recipe says so.
    pub cache: PathBuf,
    /// Threads that prepare batches; no result depends on it.
    pub workers: usize,
}

/// Runs the whole pipeline and returns its report, which also lies in the run's folder.
///
/// A stage whose result is there and whose inputs are unchanged is skipped.
///
/// # Errors
/// [`DriverError`]; everything that is wrong with the recipe or its data shows before training.
pub fn run(
    config: &RunConfig,
    observer: &mut dyn Observer,
    interrupt: &AtomicBool,
) -> Result<Report, DriverError> {
    let load_config = config.recipe.load_config(config.data.clone(), config.offline);
    let dataset = load(&load_config, &mut |file, have| {
        observer.on(Event::Fetching { file: &file.path, have, total: file.bytes });
    })?;
    config.recipe.check_against(&dataset)?;
    let pipeline = Pipeline::new(config, &dataset, interrupt, observer)?;
    pipeline.check_cache()?;
    let _lock = prepare(&config.out, &config.recipe.recipe.name, pipeline.bytes_needed())?;
    export::clean_up(&config.out);
    pipeline.write_head()?;

    let teacher = pipeline.teacher(observer)?;
    pipeline.baseline(observer)?;
    pipeline.student(&teacher, observer)?;
    pipeline.evaluate(observer)?;
    let report = Report::write(&config.out)?;
    // An export that was made by hand, in half precision say, stays as long as it is this student's.
    if !export::is_current(&config.out)? {
        export::export_locked(&config.out, &ExportConfig::default(), &config.device)?;
    }
    Ok(report)
}

struct Pipeline<'a> {
    config: &'a RunConfig,
    dataset: &'a Dataset,
    interrupt: &'a AtomicBool,
    /// What the student minimises, with the pairs of features that it compares.
    formula: String,
    teacher_view: View,
    student_view: View,
    /// The file of a teacher that is not trained here.
    teacher_weights: Option<PathBuf>,
    train: Arc<ImageSet>,
    /// Of each class whether baseline and student never see it.
    missing: Vec<bool>,
    /// Their training images.
    seen: Arc<ImageSet>,
    validation: Loader,
    test: Loader,
}

impl<'a> Pipeline<'a> {
    fn new(
        config: &'a RunConfig,
        dataset: &'a Dataset,
        interrupt: &'a AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Self, DriverError> {
        let recipe = &config.recipe;
        let teacher_weights = given::find(config, observer)?;
        let teacher_view = given::view(recipe, dataset, teacher_weights.as_deref())?;
        let (train, validation) = recipe.split_sizes(dataset)?;
        let all = dataset.train.as_ref().clone();
        let held_out_from = all.len() - validation;
        let (rest, held_out) = all.split_at(held_out_from);
        let student_view = recipe.view("student", &recipe.student, dataset)?;
        let formula = effective_formula(config, [&student_view, &teacher_view], dataset)?;
        let loader = |set| Loader::in_order(set, EVALUATION_BATCH).with_workers(config.workers);
        let train = Arc::new(rest.truncated(train));
        let missing = recipe.missing(dataset)?;
        let seen = match missing.contains(&true) {
            true => Arc::new(train.without(&missing)),
            false => train.clone(),
        };
        let batch = recipe.student.optimizer.batch;
        if seen.len() < batch {
            let expected =
                format!("at most the {} images that `student.without` leaves", seen.len());
            return Err(DriverError::field(
                &recipe.file,
                "student: optimizer.batch",
                batch,
                &expected,
            ));
        }
        Ok(Self {
            config,
            dataset,
            interrupt,
            teacher_view,
            formula,
            student_view,
            teacher_weights,
            train,
            missing,
            seen,
            validation: loader(Arc::new(held_out)),
            test: loader(dataset.test.clone()),
        })
    }

    /// Room for weights and three checkpoints with optimizer state (two kept, one being written), generously.
    fn bytes_needed(&self) -> u64 {
        let parameters = |stage: Stage| {
            let cost = self.settings(stage).architecture.cost(&self.signature(stage));
            cost.map_or(0, |cost| cost.parameters)
        };
        [Stage::Teacher, Stage::Student].map(parameters).iter().sum::<u64>() * 4 * 16 + (4 << 20)
    }

    fn write_head(&self) -> Result<(), DriverError> {
        let Self { config, dataset, .. } = self;
        let mut recipe = config.recipe.recipe.clone();
        recipe.seed = config.seed;
        recipe.seeds.clear();
        if let Some(weights) = &self.teacher_weights {
            recipe.teacher.weights =
                Some(std::path::absolute(weights).map_err(DriverError::io(weights))?);
        }
        let text = toml::to_string(&recipe).expect("a recipe serialises");
        write_json(
            &config.out.join("run.json"),
            &RunRecord {
                recipe: config.recipe.recipe.name.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                burn: BURN.to_owned(),
                backend: config.backend.clone(),
                device: device_name(&config.device),
                seed: config.seed,
                host: Host::here(),
                dataset: DatasetRecord {
                    name: dataset.name.clone(),
                    train: self.train.len(),
                    validation: self.validation.samples(),
                    test: dataset.test.len(),
                    classes: dataset.classes.len(),
                    sha256: dataset.sha256.clone(),
                },
                formula: self.formula.clone(),
            },
        )?;
        write_atomic(&config.out.join("recipe.toml"), text.as_bytes())
    }

    fn teacher(&self, observer: &mut dyn Observer) -> Result<Teacher, DriverError> {
        let stage = &self.config.recipe.teacher;
        let inputs = match &self.teacher_weights {
            Some(path) => self.given_inputs(path)?,
            None => self.inputs(Stage::Teacher, &self.config.recipe.label_objective()),
        };
        self.stage(Stage::Teacher, stage, &inputs, observer, |folder, observer| {
            match &self.teacher_weights {
                Some(path) => self.adopt(path, &inputs, folder),
                None => {
                    let terms = self.config.recipe.label_objective();
                    self.train(Stage::Teacher, stage, &terms, None, &inputs, observer)
                }
            }
        })?;
        let network = self.load(Stage::Teacher, "selected.bpk")?;
        Ok(Teacher::new(&network, self.teacher_view.clone()))
    }

    fn baseline(&self, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let stage = &self.config.recipe.student;
        let terms = self.config.recipe.label_objective();
        let inputs = self.inputs(Stage::Baseline, &terms);
        self.stage(Stage::Baseline, stage, &inputs, observer, |_, observer| {
            self.train(Stage::Baseline, stage, &terms, None, &inputs, observer)
        })
    }

    fn student(&self, teacher: &Teacher, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let stage = &self.config.recipe.student;
        let terms = &self.config.recipe.recipe.objective;
        let teacher = self.config.recipe.objective().needs_teacher().then_some(teacher);
        let mut inputs = self.inputs(Stage::Student, terms);
        if teacher.is_some() {
            inputs["teacher"] = self.teacher_identity()?;
            if let Some(cache) = self.cache().filter(|cache| !cache.is_exact()) {
                inputs["answers"] = json!({ "precision": cache.precision, "top_k": cache.top_k });
            }
        }
        self.stage(Stage::Student, stage, &inputs, observer, |_, observer| {
            self.train(Stage::Student, stage, terms, teacher, &inputs, observer)
        })
    }

    /// Everything that a trained network depends on, the teacher aside.
    fn inputs(&self, stage: Stage, terms: &[TermConfig]) -> serde_json::Value {
        let view = self.view(stage);
        let settings = self.settings(stage);
        let mut inputs = json!({
            "weights_format": WEIGHTS_FORMAT,
            "backend": self.config.backend,
            "seed": self.config.seed,
            "dataset": self.dataset.sha256,
            "classes": self.dataset.classes,
            "signature": self.signature(stage),
            "image": self.image(),
            "train": self.train.len(),
            "validation": self.validation.samples(),
            "augment": settings.augment,
            "mean": view.normalisation.mean,
            "std": view.normalisation.std,
            "model": settings.architecture,
            "epochs": settings.epochs,
            "optimizer": settings.optimizer,
            "schedule": settings.schedule,
            "objective": terms,
        });
        let without = &self.config.recipe.recipe.student.without;
        if stage != Stage::Teacher && !without.is_empty() {
            inputs["without"] = json!(without);
        }
        let non_finite = self.config.recipe.recipe.non_finite;
        if !non_finite.is_default() {
            inputs["non_finite"] = json!(non_finite);
        }
        if let Some(views) = self.reused_views(stage) {
            inputs["views"] = views.into();
        }
        inputs
    }

    /// The teacher always sees views of its own in each epoch.
    fn reused_views(&self, stage: Stage) -> Option<usize> {
        self.config.recipe.reused_views().filter(|_| stage != Stage::Teacher)
    }

    /// The network before training. Baseline and student start from the same weights, so that they
    /// differ by the objective alone.
    fn initial(&self, stage: Stage, config: &ResolvedStage) -> Result<Network, DriverError> {
        let role = u64::from(stage != Stage::Teacher);
        let mut rng = KeyedRng::new(self.config.seed, 0, role, Operation::Weights);
        Ok(config.architecture.init(&self.signature(stage), &mut rng, &self.config.device)?)
    }

    fn load(&self, stage: Stage, file: &str) -> Result<Network, DriverError> {
        Ok(weights::load(
            self.initial(stage, self.settings(stage))?,
            &self.folder(stage).join(file),
        )?)
    }

    fn settings(&self, stage: Stage) -> &ResolvedStage {
        match stage {
            Stage::Teacher => &self.config.recipe.teacher,
            Stage::Baseline | Stage::Student => &self.config.recipe.student,
        }
    }

    fn view(&self, stage: Stage) -> &View {
        match stage {
            Stage::Teacher => &self.teacher_view,
            Stage::Baseline | Stage::Student => &self.student_view,
        }
    }

    /// The images that a stage is trained on.
    fn train_set(&self, stage: Stage) -> &Arc<ImageSet> {
        match stage {
            Stage::Teacher => &self.train,
            Stage::Baseline | Stage::Student => &self.seen,
        }
    }

    /// Channels, height and width of the data's images, before a network's view of them.
    fn image(&self) -> [usize; 3] {
        let ImageShape { channels, height, width } = self.train.shape();
        [channels, height, width]
    }

    fn signature(&self, stage: Stage) -> Signature {
        self.view(stage).signature(self.dataset.classes.len())
    }

    fn record(&self, stage: Stage) -> Result<StageRecord, DriverError> {
        let path = self.folder(stage).join("stage.json");
        Ok(read_json(&path)?.expect("written when the stage was done"))
    }

    fn folder(&self, stage: Stage) -> PathBuf {
        self.config.out.join(stage.name())
    }
}

/// The student's objective for both networks, which also shows that it can compare their features.
fn effective_formula(
    config: &RunConfig,
    views: [&View; 2],
    dataset: &Dataset,
) -> Result<String, DriverError> {
    let recipe = &config.recipe;
    let mut objective = recipe.objective();
    if objective.needs_features() {
        let [student, teacher] = views.map(|view| view.signature(dataset.classes.len()));
        let (student, teacher) = (
            recipe.student.architecture.graph(&student)?,
            recipe.teacher.architecture.graph(&teacher)?,
        );
        let connected = try_connection(&mut objective, [&student, &teacher], &config.device);
        connected.map_err(|e| DriverError::recipe(&recipe.file, e))?;
    }
    Ok(objective.formula())
}
