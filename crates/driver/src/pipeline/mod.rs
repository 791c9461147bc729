//! The whole pipeline: data, teacher, baseline, student, evaluation, report, export.

mod judge;
mod make;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use burn::tensor::Device;
use distill_datasets::{
    Dataset, ImageSet, Loader, Normalisation,
    keyed::{KeyedRng, Operation},
    load,
};
use distill_models::{Network, Signature, weights};
use distill_objective::TermConfig;
use serde_json::json;

use crate::{
    DriverError, Event, ModelCard, Observer, Report, Stage, StageRecord, Teacher, export,
    files::{read_json, write_atomic, write_json},
    recipe::{Resolved, ResolvedStage},
    run_folder::{BURN, DatasetRecord, Host, RunRecord, device_name, prepare},
    stage::{hash_file, weights_identity},
};

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
    let pipeline = Pipeline::new(config, &dataset, interrupt)?;
    pipeline.check_given_teacher()?;
    let _lock = prepare(&config.out, &config.recipe.recipe.name, pipeline.bytes_needed())?;
    pipeline.write_head()?;

    let teacher = pipeline.teacher(observer)?;
    pipeline.baseline(observer)?;
    pipeline.student(&teacher, observer)?;
    pipeline.evaluate(observer)?;
    let report = Report::write(&config.out)?;
    export(&config.out)?;
    Ok(report)
}

struct Pipeline<'a> {
    config: &'a RunConfig,
    dataset: &'a Dataset,
    interrupt: &'a AtomicBool,
    signature: Signature,
    normalisation: Normalisation,
    train: Arc<ImageSet>,
    validation: Loader,
    test: Loader,
}

impl<'a> Pipeline<'a> {
    fn new(
        config: &'a RunConfig,
        dataset: &'a Dataset,
        interrupt: &'a AtomicBool,
    ) -> Result<Self, DriverError> {
        let (train, validation) = config.recipe.split_sizes(dataset)?;
        let all = dataset.train.as_ref().clone();
        let held_out_from = all.len() - validation;
        let (rest, held_out) = all.split_at(held_out_from);
        let loader = |set| Loader::in_order(set, EVALUATION_BATCH).with_workers(config.workers);
        Ok(Self {
            config,
            dataset,
            interrupt,
            signature: Resolved::signature(dataset),
            normalisation: config.recipe.normalisation(dataset)?,
            train: Arc::new(rest.truncated(train)),
            validation: loader(Arc::new(held_out)),
            test: loader(dataset.test.clone()),
        })
    }

    /// Room for weights and checkpoints with optimizer state, generously.
    fn bytes_needed(&self) -> u64 {
        let stages = [&self.config.recipe.teacher, &self.config.recipe.student];
        let parameters =
            |stage: &&ResolvedStage| stage.architecture.cost(&self.signature).parameters;
        stages.iter().map(parameters).sum::<u64>() * 4 * 10 + (4 << 20)
    }

    fn write_head(&self) -> Result<(), DriverError> {
        let Self { config, dataset, .. } = self;
        let mut recipe = config.recipe.recipe.clone();
        recipe.seed = config.seed;
        if let Some(weights) = &config.recipe.teacher.weights {
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
                formula: config.recipe.objective().formula(),
            },
        )?;
        write_atomic(&config.out.join("recipe.toml"), text.as_bytes())
    }

    fn teacher(&self, observer: &mut dyn Observer) -> Result<Teacher, DriverError> {
        let stage = &self.config.recipe.teacher;
        let inputs = match &stage.weights {
            Some(path) => self.given_inputs(path)?,
            None => self.inputs(stage, &self.config.recipe.label_objective()),
        };
        self.stage(Stage::Teacher, stage, &inputs, observer, |folder, observer| {
            match &stage.weights {
                Some(path) => self.adopt(path, &inputs, folder),
                None => {
                    let terms = self.config.recipe.label_objective();
                    self.train(Stage::Teacher, stage, &terms, None, &inputs, observer)
                }
            }
        })?;
        Ok(Teacher::new(&self.load(Stage::Teacher, "selected.bpk")?))
    }

    fn baseline(&self, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let stage = &self.config.recipe.student;
        let terms = self.config.recipe.label_objective();
        let inputs = self.inputs(stage, &terms);
        self.stage(Stage::Baseline, stage, &inputs, observer, |_, observer| {
            self.train(Stage::Baseline, stage, &terms, None, &inputs, observer)
        })
    }

    fn student(&self, teacher: &Teacher, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let stage = &self.config.recipe.student;
        let terms = &self.config.recipe.recipe.objective;
        let teacher = self.config.recipe.objective().needs_teacher().then_some(teacher);
        let mut inputs = self.inputs(stage, terms);
        if teacher.is_some() {
            let network = self.load(Stage::Teacher, "selected.bpk")?;
            inputs["teacher"] = weights_identity(&network).into();
        }
        self.stage(Stage::Student, stage, &inputs, observer, |_, observer| {
            self.train(Stage::Student, stage, terms, teacher, &inputs, observer)
        })
    }

    /// Everything that a given teacher's record and scores depend on.
    fn given_inputs(&self, weights: &Path) -> Result<serde_json::Value, DriverError> {
        Ok(json!({
            "backend": self.config.backend,
            "weights": hash_file(weights)?,
            "dataset": self.dataset.sha256,
            "classes": self.dataset.classes,
            "signature": self.signature,
            "mean": self.normalisation.mean,
            "std": self.normalisation.std,
            "model": self.config.recipe.teacher.architecture,
        }))
    }

    /// A teacher that comes with a card has to see the data as it did when it was trained.
    fn check_given_teacher(&self) -> Result<(), DriverError> {
        let Some(weights) = &self.config.recipe.teacher.weights else { return Ok(()) };
        let Some(card) = ModelCard::beside(weights)? else { return Ok(()) };
        let Self { signature, dataset, normalisation, .. } = self;
        let pairs = [
            ("signature", json!(card.signature), json!(signature)),
            ("classes", json!(card.classes), json!(dataset.classes)),
            ("mean", json!(card.mean), json!(normalisation.mean)),
            ("std", json!(card.std), json!(normalisation.std)),
            (
                "architecture",
                json!(card.architecture),
                json!(self.config.recipe.teacher.architecture),
            ),
        ];
        match pairs.into_iter().find(|(_, of_card, of_run)| of_card != of_run) {
            Some((field, of_card, of_run)) => {
                let file = weights.with_file_name("model.json").display().to_string();
                let expected = format!("this run's {of_run}");
                Err(DriverError::field(&file, field, of_card, &expected))
            }
            None => Ok(()),
        }
    }

    /// Everything that a trained network depends on, the teacher aside.
    fn inputs(&self, stage: &ResolvedStage, terms: &[TermConfig]) -> serde_json::Value {
        json!({
            "backend": self.config.backend,
            "seed": self.config.seed,
            "dataset": self.dataset.sha256,
            "classes": self.dataset.classes,
            "signature": self.signature,
            "train": self.train.len(),
            "validation": self.validation.samples(),
            "augment": self.config.recipe.recipe.data.augment,
            "mean": self.normalisation.mean,
            "std": self.normalisation.std,
            "model": stage.architecture,
            "epochs": stage.epochs,
            "optimizer": stage.optimizer,
            "schedule": stage.schedule,
            "objective": terms,
        })
    }

    /// The network before training. Baseline and student start from the same weights, so that they
    /// differ by the objective alone.
    fn initial(&self, stage: Stage, config: &ResolvedStage) -> Result<Network, DriverError> {
        let role = u64::from(stage != Stage::Teacher);
        let mut rng = KeyedRng::new(self.config.seed, 0, role, Operation::Weights);
        Ok(config.architecture.init(&self.signature, &mut rng, &self.config.device)?)
    }

    fn load(&self, stage: Stage, file: &str) -> Result<Network, DriverError> {
        let config = match stage {
            Stage::Teacher => &self.config.recipe.teacher,
            _ => &self.config.recipe.student,
        };
        Ok(weights::load(self.initial(stage, config)?, &self.folder(stage).join(file))?)
    }

    fn record(&self, stage: Stage) -> Result<StageRecord, DriverError> {
        let path = self.folder(stage).join("stage.json");
        Ok(read_json(&path)?.expect("written when the stage was done"))
    }

    fn folder(&self, stage: Stage) -> PathBuf {
        self.config.out.join(stage.name())
    }
}
