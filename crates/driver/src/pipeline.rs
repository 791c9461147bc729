//! The whole pipeline: data, teacher, baseline, student, evaluation, report, export.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, atomic::AtomicBool},
};

use burn::tensor::Device;
use distill_datasets::{
    Dataset, Loader, Normalisation,
    keyed::{KeyedRng, Operation},
    load,
};
use distill_models::{Network, Signature, weights};
use distill_objective::{Objective, TermConfig};
use serde_json::json;

use crate::{
    DriverError, Event, ModelCard, Observer, Report, Stage, StageRecord, Teacher, Training,
    checkpoint,
    evaluate::Predictions,
    export,
    files::{create_dir, read_json, write_atomic, write_json},
    recipe::{Resolved, ResolvedStage},
    run_folder::{BURN, DatasetRecord, Host, RunRecord, device_name, prepare},
    stage::{TestRecord, differences, fingerprint, hash_file},
};

/// Images of a batch in evaluation. Part of the answer where a norm uses batch statistics.
pub(crate) const EVALUATION_BATCH: usize = 500;

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
    let load_config = config
        .recipe
        .load_config(config.data.clone(), config.offline);
    let dataset = load(&load_config, &mut |file, have| {
        observer.on(Event::Fetching {
            file: &file.path,
            have,
            total: file.bytes,
        });
    })?;
    config.recipe.check_against(&dataset)?;
    let pipeline = Pipeline::new(config, &dataset, interrupt)?;
    prepare(
        &config.out,
        &config.recipe.recipe.name,
        pipeline.bytes_needed(),
    )?;
    pipeline.write_head()?;

    let teacher = pipeline.teacher(observer)?;
    pipeline.baseline(observer)?;
    pipeline.student(&teacher, observer)?;
    pipeline.evaluate(observer)?;
    let report = Report::write(&config.out)?;
    export::export(&config.out)?;
    Ok(report)
}

struct Pipeline<'a> {
    config: &'a RunConfig,
    dataset: &'a Dataset,
    interrupt: &'a AtomicBool,
    signature: Signature,
    normalisation: Normalisation,
    train: Arc<distill_datasets::ImageSet>,
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

    /// Last and selected weights and two checkpoints with optimizer state, of all stages.
    fn bytes_needed(&self) -> u64 {
        let stages = [&self.config.recipe.teacher, &self.config.recipe.student];
        let parameters =
            |stage: &&ResolvedStage| stage.architecture.cost(&self.signature).parameters;
        stages.iter().map(parameters).sum::<u64>() * 4 * 10 + (4 << 20)
    }

    fn write_head(&self) -> Result<(), DriverError> {
        let Self {
            config, dataset, ..
        } = self;
        let mut recipe = config.recipe.recipe.clone();
        recipe.seed = config.seed;
        if let Some(weights) = &config.recipe.teacher.weights {
            recipe.teacher.weights =
                Some(std::path::absolute(weights).map_err(DriverError::io(weights))?);
        }
        let text = toml::to_string(&recipe).expect("a recipe serialises");
        write_atomic(&config.out.join("recipe.toml"), text.as_bytes())?;
        write_json(
            &config.out.join("run.json"),
            &RunRecord {
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
        )
    }

    fn teacher(&self, observer: &mut dyn Observer) -> Result<Teacher, DriverError> {
        let stage = &self.config.recipe.teacher;
        let inputs = match &stage.weights {
            Some(path) => json!({ "weights": hash_file(path)?, "model": stage.architecture }),
            None => self.inputs(stage, &self.config.recipe.label_objective()),
        };
        self.stage(
            Stage::Teacher,
            stage,
            &inputs,
            observer,
            |folder, observer| match &stage.weights {
                Some(path) => self.adopt(path, folder),
                None => {
                    let terms = self.config.recipe.label_objective();
                    self.train(Stage::Teacher, stage, &terms, None, &inputs, observer)
                }
            },
        )?;
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
        let teacher = self
            .config
            .recipe
            .objective()
            .needs_teacher()
            .then_some(teacher);
        let mut inputs = self.inputs(stage, terms);
        if teacher.is_some() {
            inputs["teacher"] = self.record(Stage::Teacher)?.selected_sha256.into();
        }
        self.stage(Stage::Student, stage, &inputs, observer, |_, observer| {
            self.train(Stage::Student, stage, terms, teacher, &inputs, observer)
        })
    }

    /// Everything that a trained network depends on, the teacher aside.
    fn inputs(&self, stage: &ResolvedStage, terms: &[TermConfig]) -> serde_json::Value {
        json!({
            "backend": self.config.backend,
            "seed": self.config.seed,
            "dataset": self.dataset.sha256,
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

    /// Runs `make` unless the stage's result is there for the same inputs.
    fn stage(
        &self,
        stage: Stage,
        config: &ResolvedStage,
        inputs: &serde_json::Value,
        observer: &mut dyn Observer,
        make: impl FnOnce(&Path, &mut dyn Observer) -> Result<StageRecord, DriverError>,
    ) -> Result<(), DriverError> {
        let folder = self.folder(stage);
        create_dir(&folder)?;
        let fingerprint = fingerprint(inputs);
        tracing::debug!(stage = stage.name(), fingerprint, %inputs, "stage");
        if let Some(old) = read_json::<StageRecord>(&folder.join("stage.json"))? {
            if old.fingerprint == fingerprint && self.weights_are_whole(stage, &old) {
                let reason = "its result is there and its inputs are unchanged";
                observer.on(Event::StageSkipped { stage, reason });
                return Ok(());
            }
            let aside = self.set_aside(&folder, stage, &old)?;
            let changed = differences(&old.inputs, inputs);
            let because = if changed.is_empty() {
                "weights are damaged".to_owned()
            } else {
                changed
            };
            observer.on(Event::Note(format!(
                "{}: made again, for this changed: {because}; the earlier result is in {}",
                stage.name(),
                aside.display()
            )));
        }
        match checkpoint::newest(&folder)? {
            Some((_, progress)) if progress.fingerprint != fingerprint => {
                return Err(DriverError::Folder {
                    path: folder,
                    problem: "it holds an interrupted run with other settings".to_owned(),
                    hint:
                        "go on with the settings it was started with (`recipe.toml` in the run's \
                           folder), or name another folder with `--out`"
                            .to_owned(),
                });
            }
            Some(_) if !self.config.resume => {
                return Err(DriverError::Folder {
                    path: folder,
                    problem: "it holds an interrupted run".to_owned(),
                    hint: "`--resume` goes on with it; another folder with `--out` starts anew"
                        .to_owned(),
                });
            }
            Some((_, progress)) => {
                let (epoch, step) = (progress.epoch, progress.step);
                let note = format!(
                    "{}: goes on in epoch {epoch} after step {step}",
                    stage.name()
                );
                observer.on(Event::Note(note));
            }
            None => checkpoint::clear(&folder)?,
        }
        let card = ModelCard {
            model: config.model.clone(),
            architecture: config.architecture.clone(),
            signature: self.signature,
            classes: self.dataset.classes.clone(),
            mean: self.normalisation.mean.clone(),
            std: self.normalisation.std.clone(),
            dataset: self.dataset.name.clone(),
        };
        write_json(&folder.join("model.json"), &card)?;
        let record = make(&folder, observer)?;
        write_json(&folder.join("stage.json"), &record)?;
        checkpoint::clear(&folder)
    }

    fn train(
        &self,
        stage: Stage,
        config: &ResolvedStage,
        terms: &[TermConfig],
        teacher: Option<&Teacher>,
        inputs: &serde_json::Value,
        observer: &mut dyn Observer,
    ) -> Result<StageRecord, DriverError> {
        let folder = self.folder(stage);
        let objective = Objective::new(terms)
            .map_err(|e| DriverError::objective(&self.config.recipe.file, &e))?;
        let cost = config.architecture.cost(&self.signature);
        observer.on(Event::StageStarted {
            stage,
            model: &config.model,
            parameters: cost.parameters,
            formula: &objective.formula(),
            epochs: config.epochs,
        });
        let fingerprint = fingerprint(inputs);
        let seed = self.config.seed;
        let augment = self.config.recipe.recipe.data.augment.clone();
        let train = Loader::shuffled(self.train.clone(), config.optimizer.batch, seed, augment);
        let training = Training {
            stage,
            config,
            objective: &objective,
            teacher,
            train: &train.with_workers(self.config.workers),
            validation: &self.validation,
            normalisation: &self.normalisation,
            seed,
            log_every: self.config.recipe.recipe.log_every,
            device: &self.config.device,
            folder: &folder,
            fingerprint: &fingerprint,
            interrupt: self.interrupt,
        };
        let trained = training.run(self.initial(stage, config)?, observer)?;
        let selected = folder.join("selected.bpk");
        Ok(StageRecord {
            fingerprint,
            inputs: inputs.clone(),
            model: config.model.clone(),
            cost,
            bytes: fs::metadata(&selected)
                .map_err(DriverError::io(&selected))?
                .len(),
            epochs: config.epochs,
            seconds: trained.seconds,
            images_per_second: Some(trained.images as f64 / trained.seconds),
            selected: Some(trained.best),
            selected_sha256: hash_file(&selected)?,
        })
    }

    /// Takes given weights as the stage's result.
    fn adopt(&self, path: &Path, folder: &Path) -> Result<StageRecord, DriverError> {
        let config = &self.config.recipe.teacher;
        let network = weights::load(self.initial(Stage::Teacher, config)?, path)?;
        let selected = folder.join("selected.bpk");
        let bytes = weights::to_bytes(&network, &selected)?;
        write_atomic(&selected, &bytes)?;
        write_atomic(&folder.join("last.bpk"), &bytes)?;
        let inputs = json!({ "weights": hash_file(path)?, "model": config.architecture });
        Ok(StageRecord {
            fingerprint: fingerprint(&inputs),
            inputs,
            model: config.model.clone(),
            cost: config.architecture.cost(&self.signature),
            bytes: bytes.len() as u64,
            epochs: 0,
            seconds: 0.0,
            images_per_second: None,
            selected: None,
            selected_sha256: hash_file(&selected)?,
        })
    }

    /// The network before training. Baseline and student start from the same weights, so that they
    /// differ by the objective alone.
    fn initial(&self, stage: Stage, config: &ResolvedStage) -> Result<Network, DriverError> {
        let role = u64::from(stage != Stage::Teacher);
        let mut rng = KeyedRng::new(self.config.seed, 0, role, Operation::Weights);
        Ok(config
            .architecture
            .init(&self.signature, &mut rng, &self.config.device)?)
    }

    /// Reads the test split: once for each network that it has not judged yet.
    fn evaluate(&self, observer: &mut dyn Observer) -> Result<(), DriverError> {
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
        let predict = |stage, file: &str| {
            let network = self.load(stage, file)?;
            let device = &self.config.device;
            Ok::<_, DriverError>(Predictions::of(
                &network,
                &self.test,
                &self.normalisation,
                device,
            ))
        };
        // The students learnt from the selected teacher, so that is the one they are compared with.
        observer.on(Event::Evaluating {
            stage: Stage::Teacher,
        });
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
            let last_is_selected = record
                .selected
                .is_none_or(|best| best.epoch == record.epochs);
            let last = match last_is_selected {
                true => selected,
                false => predict(stage, "last.bpk")?.scores(compare),
            };
            let test = TestRecord {
                of: fingerprints(stage)?,
                last,
                selected,
            };
            write_json(&self.folder(stage).join("test.json"), &test)?;
        }
        Ok(())
    }

    fn load(&self, stage: Stage, file: &str) -> Result<Network, DriverError> {
        let config = match stage {
            Stage::Teacher => &self.config.recipe.teacher,
            _ => &self.config.recipe.student,
        };
        Ok(weights::load(
            self.initial(stage, config)?,
            &self.folder(stage).join(file),
        )?)
    }

    fn record(&self, stage: Stage) -> Result<StageRecord, DriverError> {
        let path = self.folder(stage).join("stage.json");
        Ok(read_json(&path)?.expect("written when the stage was done"))
    }

    fn weights_are_whole(&self, stage: Stage, record: &StageRecord) -> bool {
        let file = |name: &str| self.folder(stage).join(name);
        let selected = hash_file(&file("selected.bpk"));
        file("last.bpk").is_file() && selected.is_ok_and(|hash| hash == record.selected_sha256)
    }

    /// Moves a result that is no longer asked for out of the way: it may have taken hours.
    fn set_aside(
        &self,
        folder: &Path,
        stage: Stage,
        record: &StageRecord,
    ) -> Result<PathBuf, DriverError> {
        let earlier = self.config.out.join("earlier");
        create_dir(&earlier)?;
        let aside = earlier.join(format!("{}-{}", stage.name(), &record.fingerprint[..12]));
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(DriverError::io(&aside))?;
        }
        fs::rename(folder, &aside).map_err(DriverError::io(&aside))?;
        create_dir(folder)?;
        Ok(aside)
    }

    fn folder(&self, stage: Stage) -> PathBuf {
        self.config.out.join(stage.name())
    }
}
