//! The whole pipeline: data, networks in the order of who learns from whom, evaluation, report, export.

mod answers;
mod ensemble;
mod finished;
mod forecast;
mod given;
mod judge;
mod make;
mod memory;
mod peers;
mod prepare;
mod reuse;
mod specialists;
mod train;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use burn::tensor::Device;
use distill_datasets::{
    Dataset, ImageSet, ImageShape, Loader,
    keyed::{KeyedRng, Operation},
};
use distill_models::{Network, Signature, weights};
use serde_json::json;

use crate::{
    Capabilities, DriverError, Event, ExportConfig, ImagePreprocessing, Observer, Report, Stage,
    export,
    recipe::{Reference, Resolved, ResolvedStage, StageObjective},
    records::{self, BURN, DatasetRecord, Host, RunRecord, StageRecord, device_name},
    store::{read_json, sha256, write_atomic, write_json},
};

pub use self::forecast::{Forecast, StageForecast, forecast};
use self::prepare::{TrainingSet, effective_formula, training_sets};

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
    /// What the backend can do.
    pub capabilities: Capabilities,
    /// The device, without autodiff.
    pub device: Device,
    /// Where the teacher's answers are kept, if the recipe says so.
    pub cache: PathBuf,
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
    pipeline.check_cache()?;
    let is_due = |stage| !pipeline.folder(stage).join("stage.json").exists();
    let estimate = pipeline.check_memory(is_due, observer)?;
    let _lock = records::prepare(&config.out, &config.recipe.recipe.name, pipeline.bytes_needed())?;
    export::clean_up(&config.out);
    pipeline.write_head(estimate)?;

    for stage in &config.recipe.order {
        pipeline.make(*stage, observer)?;
    }
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
    /// How each network that has weights of its own sees images.
    preprocessing: BTreeMap<Stage, ImagePreprocessing>,
    /// The files of those that are not trained here.
    given: BTreeMap<Stage, PathBuf>,
    /// Training images of the recipe.
    train: Arc<ImageSet>,
    /// Those of each stage.
    sets: BTreeMap<Stage, TrainingSet>,
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
        let (mut preprocessing, mut given) = (BTreeMap::new(), BTreeMap::new());
        for (stage, single) in recipe.singles() {
            let weights = given::find(config, stage, observer)?;
            let own = given::preprocessing(recipe, single, dataset, weights.as_deref())?;
            preprocessing.insert(stage, own);
            given.extend(weights.map(|path| (stage, path)));
        }
        for (stage, single) in recipe.singles() {
            if let Some(specialist) = single.specialist {
                // It starts from weights that know images as its generalist sees them.
                preprocessing.insert(stage, preprocessing[&specialist.of.stage].clone());
            }
        }
        let formula = effective_formula(config, &preprocessing, dataset)?;
        let (train, validation) = recipe.split_sizes(dataset)?;
        let all = dataset.train.as_ref().clone();
        let held_out_from = all.len() - validation;
        let (rest, held_out) = all.split_at(held_out_from);
        let loader = |set: Arc<ImageSet>| {
            Loader::in_order(set, EVALUATION_BATCH).with_workers(config.workers)
        };
        let train = Arc::new(rest.first(train));
        Ok(Self {
            config,
            dataset,
            interrupt,
            formula,
            preprocessing,
            given,
            sets: training_sets(recipe, &train, dataset)?,
            train,
            validation: loader(Arc::new(held_out)),
            test: loader(dataset.test.clone()),
        })
    }

    /// Room for weights and three checkpoints with optimizer state (two kept, one being written), generously.
    fn bytes_needed(&self) -> u64 {
        let parameters = |(stage, single): (Stage, &ResolvedStage)| {
            let cost = single.architecture.cost(&self.signature(stage));
            cost.map_or(0, |cost| cost.parameters) * (16 + single.keep.len() as u64)
        };
        self.config.recipe.singles().map(parameters).sum::<u64>() * 4 + (4 << 20)
    }

    fn write_head(&self, memory_estimate: Option<u64>) -> Result<(), DriverError> {
        let Self { config, dataset, .. } = self;
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
                    name: dataset.name.clone(),
                    train: self.train.len(),
                    validation: self.validation.samples(),
                    test: dataset.test.len(),
                    classes: dataset.classes.len(),
                    sha256: dataset.sha256.clone(),
                },
                formula: self.formula.clone(),
                memory_estimate,
            },
        )?;
        write_atomic(&config.out.join("recipe.toml"), text.as_bytes())
    }

    fn make(&self, stage: Stage, observer: &mut dyn Observer) -> Result<(), DriverError> {
        let recipe = &self.config.recipe;
        if let Some(several) = recipe.networks.get(&stage).filter(|_| recipe.stage(stage).is_none())
        {
            let inputs = self.identity(Reference::selected(stage))?;
            return self.stage(stage, &inputs, observer, |_, _| self.gather(several, &inputs));
        }
        if let Some(path) = self.given.get(&stage) {
            let inputs = self.given_inputs(stage, path)?;
            let adopt =
                |folder: &Path, _: &mut dyn Observer| self.adopt(stage, path, &inputs, folder);
            return self.stage(stage, &inputs, observer, adopt);
        }
        if let Some(lead) = self.settings(stage).lead {
            let inputs = self.peer_inputs(stage, lead)?;
            let take =
                |folder: &Path, _: &mut dyn Observer| self.take_peer(stage, lead, &inputs, folder);
            return self.stage(stage, &inputs, observer, take);
        }
        let mut inputs = self.inputs(stage);
        if let Some(specialist) = self.settings(stage).specialist {
            let own = self.own_classes(stage, specialist, observer)?;
            observer.on(Event::Note(format!("{}: its classes are {}", stage.name(), own.names())));
            inputs["specialist"] = json!(own);
        }
        if let Some(reference) = recipe.learns_from(stage) {
            inputs["teacher"] = self.identity(reference)?;
            if let Some(cache) = self.cache().filter(|cache| !cache.is_exact()) {
                inputs["answers"] = json!({ "precision": cache.precision, "top_k": cache.top_k });
            }
        }
        self.stage(stage, &inputs, observer, |_, observer| self.train(stage, &inputs, observer))
    }

    /// Everything that a trained network depends on, the teacher aside.
    fn inputs(&self, stage: Stage) -> serde_json::Value {
        let preprocessing = self.preprocessing(stage);
        let settings = self.settings(stage);
        let mut inputs = json!({
            "weights_format": WEIGHTS_FORMAT,
            "backend": self.config.backend,
            "seed": self.seed(stage),
            "dataset": self.dataset.sha256,
            "classes": self.class_names(stage),
            "signature": self.signature(stage),
            "image": self.image(),
            "train": self.train.len(),
            "validation": self.validation.samples(),
            "augment": settings.augment,
            "mean": preprocessing.normalisation.mean,
            "std": preprocessing.normalisation.std,
            "model": settings.architecture,
            "epochs": settings.epochs,
            "optimizer": settings.optimizer,
            "schedule": settings.schedule,
            "objective": self.objective(stage).terms,
        });
        if !settings.without.is_empty() {
            inputs["without"] = json!(settings.without);
        }
        if let Some(own) = settings.train {
            inputs["own_train"] = own.into();
        }
        if !self.peers(stage).is_empty() {
            let of_peer = |peer: &Stage| json!({ "model": self.settings(*peer).architecture, "seed": self.seed(*peer) });
            inputs["peers"] = self.peers(stage).iter().map(of_peer).collect();
        }
        let non_finite = self.config.recipe.recipe.non_finite;
        if !non_finite.is_default() {
            inputs["non_finite"] = json!(non_finite);
        }
        if let Some(views) = self.config.recipe.reused_views(stage) {
            inputs["views"] = views.into();
        }
        inputs
    }

    /// Whether a stage starts from the student's weights and sees its batches, so that it differs by its
    /// objective, teacher or images alone.
    fn is_paired(&self, stage: Stage) -> bool {
        match stage {
            Stage::Teacher => false,
            Stage::Baseline | Stage::Student => true,
            Stage::Network(_) => self.settings(stage).paired,
        }
    }

    /// Seed of a stage's random numbers. Networks that are not paired have one of their own, which comes with
    /// their name.
    fn seed(&self, stage: Stage) -> u64 {
        let seed = self.config.seed;
        match stage {
            Stage::Network(name) if !self.is_paired(stage) => {
                let hash = sha256(format!("{seed} {name}").as_bytes());
                // A number that any reader of JSON can hold.
                u64::from_str_radix(&hash[..13], 16).expect("hexadecimal digits")
            }
            _ => seed,
        }
    }

    /// The network before training.
    fn initial(&self, stage: Stage) -> Result<Network, DriverError> {
        let role = u64::from(self.is_paired(stage));
        let mut rng = KeyedRng::new(self.seed(stage), 0, role, Operation::Weights);
        let architecture = &self.settings(stage).architecture;
        Ok(architecture.init(&self.signature(stage), &mut rng, &self.config.device)?)
    }

    /// A network with weights that its stage has made.
    fn load(&self, of: Reference) -> Result<Network, DriverError> {
        let file = of.stage.folder(&self.config.out).join(of.weights.file());
        Ok(weights::load(self.initial(of.stage)?, &file)?)
    }

    /// What a stage that is no ensemble trains.
    fn settings(&self, stage: Stage) -> &ResolvedStage {
        self.config.recipe.stage(stage).expect("a stage with weights of its own")
    }

    /// What a stage that is no ensemble minimises.
    fn objective(&self, stage: Stage) -> &StageObjective {
        self.config.recipe.objective_of(stage).expect("a stage with weights of its own")
    }

    fn preprocessing(&self, stage: Stage) -> &ImagePreprocessing {
        self.preprocessing.get(&stage).expect("a stage with weights of its own")
    }

    /// Channels, height and width of the data's images, before a network's preprocessing.
    fn image(&self) -> [usize; 3] {
        let ImageShape { channels, height, width } = self.train.shape();
        [channels, height, width]
    }

    fn signature(&self, stage: Stage) -> Signature {
        self.preprocessing(stage).signature(self.class_names(stage).len())
    }

    fn record(&self, stage: Stage) -> Result<StageRecord, DriverError> {
        let path = self.folder(stage).join("stage.json");
        Ok(read_json(&path)?.expect("written when the stage was done"))
    }

    fn folder(&self, stage: Stage) -> PathBuf {
        stage.folder(&self.config.out)
    }
}
