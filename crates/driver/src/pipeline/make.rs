//! Making a stage: skipped, resumed or started anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use distill_datasets::Loader;
use distill_models::weights;
use distill_objective::{Objective, TermConfig};
use serde_json::json;

use super::Pipeline;
use crate::{
    DriverError, Event, ModelCard, Observer, Stage, StageRecord, Teacher, Training, checkpoint,
    files::{create_dir, read_json, write_atomic, write_json},
    recipe::ResolvedStage,
    stage::{differences, fingerprint, hash_file},
};

impl Pipeline<'_> {
    /// Runs `make` unless the stage's result is there for the same inputs.
    pub(super) fn stage(
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

    pub(super) fn train(
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
    pub(super) fn adopt(&self, path: &Path, folder: &Path) -> Result<StageRecord, DriverError> {
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
}
