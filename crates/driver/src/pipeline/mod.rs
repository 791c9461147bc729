//! The whole pipeline: data, networks in the order of who learns from whom, evaluation, report, export.

mod data_forecast;
mod ensemble;
mod evaluate;
mod finished;
mod forecast;
mod given;
mod initial;
mod inputs;
mod label_noise;
mod label_weights;
mod make;
mod memory;
mod norms;
mod own_classes;
mod peers;
mod prepare;
mod reuse;
mod specialists;
mod teacher_outputs;
mod train;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
};

use burn::tensor::Device;
use distill_datasets::{Dataset, Loader, Source};
use distill_models::{Network, Signature, weights};

use crate::{
    Capabilities, DriverError, Event, ExportConfig, Observer, Preprocessing, Report, Stage, export,
    recipe::{Plan, Reference, SinglePlan, TrainingPlan},
    records::{self, BURN, DatasetRecord, Host, RunRecord, StageRecord, device_name},
    store::{read_json, write_atomic, write_json},
    task::{ImageTask, Task},
    teacher::CacheConfig,
};

pub use self::data_forecast::{DataForecast, SplitForecast};
pub use self::forecast::{Forecast, StageForecast, forecast};
use self::{
    evaluate::evaluate, label_weights::check_label_weights, make::make_stage, memory::check_memory,
    norms::check_norms, prepare::effective_formula, specialists::DUSTBIN,
    teacher_outputs::check_cache,
};

/// Images of a batch in evaluation. Part of the result where a norm uses batch statistics.
pub const EVALUATION_BATCH: usize = 500;

/// One run of a recipe.
#[derive(Debug, Clone)]
pub struct RunConfig {
    /// What to do.
    pub recipe: Plan,
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
    /// What the backend can do.
    pub capabilities: Capabilities,
    /// The device, without autodiff.
    pub device: Device,
    /// Where teacher outputs are cached, if the recipe says so.
    pub cache: PathBuf,
    /// Folder of decoded images, which later runs on the same files read. `None` decodes each time.
    pub decoded: Option<PathBuf>,
    /// Threads that prepare batches; no result depends on it.
    pub workers: usize,
    /// Folders of other runs, whose finished stages are copied where they were made from the same inputs.
    pub reuse: Vec<PathBuf>,
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
    let dataset = config.read_data(observer)?;
    let pipeline = Pipeline::new(config, &dataset, interrupt, observer)?;
    check_norms(&pipeline)?;
    check_label_weights(&pipeline)?;
    check_cache(&pipeline)?;
    let estimate = check_memory(
        &pipeline,
        |stage| !pipeline.folder(stage).join("stage.json").exists(),
        observer,
    )?;
    let _lock = records::prepare(&config.out, &config.recipe.recipe.name, pipeline.bytes_needed())?;
    export::clean_up(&config.out);
    pipeline.write_head(estimate)?;

    for stage in &config.recipe.stages {
        make_stage(&pipeline, stage, observer)?;
    }
    evaluate(&pipeline, observer)?;
    let report = Report::write(&config.out)?;
    // An export that was made by hand, in half precision say, stays as long as it is this student's.
    if !export::is_current(&config.out)? {
        let student = Stage::Student;
        export::export_locked(&config.out, student, &ExportConfig::default(), &config.device)?;
    }
    Ok(report)
}

struct Pipeline<'a> {
    config: &'a RunConfig,
    interrupt: &'a AtomicBool,
    /// Data and networks' input.
    task: Box<dyn Task>,
    /// What the student minimises, with the pairs of features that it compares.
    formula: String,
    /// The files of trained weights that stages are, or start from.
    given: BTreeMap<Stage, PathBuf>,
    validation: Loader,
    test: Loader,
    /// Image files that do not decode and were left out.
    unreadable: usize,
}

impl<'a> Pipeline<'a> {
    fn new(
        config: &'a RunConfig,
        dataset: &Dataset,
        interrupt: &'a AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Self, DriverError> {
        let mut given = BTreeMap::new();
        for (stage, _) in config.recipe.singles() {
            let weights = given::find(config, stage, observer)?;
            given.extend(weights.map(|path| (stage, path)));
        }
        let task = Box::new(ImageTask::new(&config.recipe, dataset, &given)?);
        let formula = effective_formula(config, &*task)?;
        let loader = |source: Arc<dyn Source>| {
            Loader::in_order(source, EVALUATION_BATCH).with_workers(config.workers)
        };
        let (validation, test) = (loader(task.validation()), loader(task.test()));
        for note in initial::assumptions(config, dataset, &given)? {
            observer.on(Event::Note(note));
        }
        let unreadable = dataset.summary.as_ref().map_or(0, |summary| summary.unreadable.len());
        Ok(Self { config, interrupt, task, formula, given, validation, test, unreadable })
    }

    /// Room for weights and three checkpoints with optimizer state (two kept, one being written), generously.
    fn bytes_needed(&self) -> u64 {
        let mut numbers = 0;
        for (stage, single) in self.config.recipe.singles() {
            let cost = single.architecture.cost(&self.signature(stage));
            let kept = single.training().map_or(0, |training| training.keep.len());
            numbers += cost.map_or(0, |cost| cost.parameters) * (16 + kept as u64);
        }
        numbers * 4 + (4 << 20)
    }

    fn write_head(&self, memory_estimate: Option<u64>) -> Result<(), DriverError> {
        let Self { config, task, .. } = self;
        let given = self.given.iter().map(|(stage, path)| (*stage, path.as_path()));
        let recipe = config.recipe_with(given)?;
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
                    name: task.name().to_owned(),
                    train: task.train(),
                    validation: self.validation.samples(),
                    test: self.test.samples(),
                    unreadable: self.unreadable,
                    classes: task.classes().len(),
                    sha256: task.sha256().to_owned(),
                },
                formula: self.formula.clone(),
                memory_estimate,
            },
        )?;
        write_atomic(&config.out.join("recipe.toml"), text.as_bytes())
    }

    /// A network with weights that its stage has made.
    fn load(&self, of: Reference) -> Result<Network, DriverError> {
        let file = of.stage.folder(&self.config.out).join(of.weights.file());
        Ok(weights::load(self.initial(of.stage)?, &file)?)
    }

    /// The network of a stage that is no ensemble.
    fn network(&self, stage: Stage) -> &SinglePlan {
        self.config.recipe.single(stage).expect("a stage with weights of its own")
    }

    /// How a stage that trains a network does so.
    fn training(&self, stage: Stage) -> &TrainingPlan {
        self.config.recipe.training(stage).expect("a stage that trains")
    }

    fn preprocessing(&self, stage: Stage) -> Preprocessing {
        self.task.preprocessing(stage)
    }

    fn signature(&self, stage: Stage) -> Signature {
        self.task.signature(stage, self.class_names(stage).len())
    }

    /// Those that learn together with a stage.
    fn peers(&self, stage: Stage) -> &[Stage] {
        self.training(stage).peers()
    }

    fn is_specialist(&self, stage: Stage) -> bool {
        self.config.recipe.single(stage).is_some_and(|own| own.specialist().is_some())
    }

    /// Names of what a stage tells apart.
    fn class_names(&self, stage: Stage) -> Vec<String> {
        let mut names = self.task.classes().to_vec();
        if self.is_specialist(stage) {
            names.push(DUSTBIN.to_owned());
        }
        names
    }

    /// The recipe's `[cache]`, if it has one.
    fn cache(&self) -> Option<&CacheConfig> {
        self.config.recipe.recipe.cache.as_ref()
    }

    fn record(&self, stage: Stage) -> Result<StageRecord, DriverError> {
        let path = self.folder(stage).join("stage.json");
        Ok(read_json(&path)?.expect("written when the stage was done"))
    }

    fn folder(&self, stage: Stage) -> PathBuf {
        stage.folder(&self.config.out)
    }
}
