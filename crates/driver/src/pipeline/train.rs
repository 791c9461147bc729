//! Training of a stage: what it is made of, and the record of what came out.

use std::{fs, path::Path, sync::Arc};

use distill_collective::Solo;
use distill_datasets::{Augmented, Loader};
use distill_models::Network;
use distill_objective::{Negatives, Objective};

use super::Pipeline;
use crate::{
    DriverError, Event, Observer, Stage, StageRecord,
    recipe::Start,
    store::{Weights, fingerprint, hash_file},
    teacher::TeacherOutputs,
    training::{Context, Learner, Trained, TrainingConfig, TrainingData, train},
};

impl Pipeline<'_> {
    /// Trains the network of a stage and gives its record.
    pub(super) fn train(
        &self,
        stage: Stage,
        inputs: &serde_json::Value,
        observer: &mut dyn Observer,
    ) -> Result<StageRecord, DriverError> {
        let (network, training) = (self.network(stage), self.training(stage));
        let folder = self.folder(stage);
        let recipe = &self.config.recipe;
        let mut objective = training.objective.built().clone();
        let samples = match self.begun_with(stage)? {
            Some(own) => self.specialist_set(stage, &own.own),
            None => self.task.samples(stage),
        };
        let validation = self.relabelled(stage, &self.validation)?;
        let source = Arc::new(Augmented::new(samples.source, training.augment.clone()));
        let mut batches = Loader::shuffled(source, training.optimizer.batch, self.seed(stage))
            .with_workers(self.config.workers);
        let (learner, teacher) = self.learner(stage, &mut objective, &batches, observer)?;
        if let Some(views) = recipe.reused_views(stage) {
            batches = batches.with_views(views as u64);
        }
        let negatives = objective.negatives().map(|_| {
            let labels: Vec<i32> = samples.labels.iter().map(|label| *label as i32).collect();
            Negatives::new(&labels, self.class_names(stage).len())
        });
        observer.on(Event::StageStarted {
            stage,
            model: &network.model,
            parameters: network.architecture.cost(&self.signature(stage))?.parameters,
            formula: &objective.formula(),
            epochs: training.epochs,
        });
        let data = TrainingData {
            train: &batches,
            validation: &validation,
            preprocessing: self.preprocessing(stage),
            negatives: negatives.as_ref(),
        };
        let config = self.training_config(stage);
        let fingerprint = fingerprint(inputs);
        let mut context = Context {
            stage,
            folder: &folder,
            fingerprint: &fingerprint,
            seed: self.seed(stage),
            device: &self.config.device,
            collective: &Solo,
            interrupt: self.interrupt,
            observer,
        };
        let trained = train(learner, &data, &objective, teacher.as_ref(), &config, &mut context)?;
        self.trained_record(stage, inputs, &folder, trained)
    }

    /// The network with what is trained beside it, and its teacher's outputs where the objective asks for them.
    fn learner(
        &self,
        stage: Stage,
        objective: &mut Objective,
        batches: &Loader,
        observer: &mut dyn Observer,
    ) -> Result<(Learner, Option<TeacherOutputs>), DriverError> {
        let training = self.training(stage);
        let (seed, device) = (self.seed(stage), &self.config.device);
        let precision = training.optimizer.precision.dtype();
        let mut network = self.initial(stage)?.computing_in(precision);
        if let Start::Generalist(specialist) = training.start {
            network = self.as_generalist(network, specialist)?;
        }
        let Some(reference) = self.config.recipe.learns_from(stage) else {
            let mut peers: Vec<Network> = Vec::new();
            for peer in self.peers(stage) {
                peers.push(self.initial(*peer)?.computing_in(precision));
            }
            return Ok((Learner::with_peers(network, peers), None));
        };
        let mut teacher = self.teacher(reference)?.computing_in(precision);
        let with_features = objective.needs_features();
        if with_features {
            network = Learner::select(network, objective, &mut teacher)?;
        }
        let outputs =
            self.teacher_outputs(stage, reference, teacher, objective, batches.clone(), observer)?;
        let learner = match with_features {
            true => {
                let own = self.preprocessing(stage);
                Learner::connected(network, objective, &outputs, batches, own, seed, device)?
            }
            false => Learner::new(network),
        };
        Ok((learner, Some(outputs)))
    }

    fn training_config(&self, stage: Stage) -> TrainingConfig {
        let (training, recipe) = (self.training(stage), &self.config.recipe.recipe);
        TrainingConfig {
            epochs: training.epochs,
            optimizer: training.optimizer.clone(),
            schedule: training.schedule.clone(),
            non_finite: recipe.non_finite,
            log_every: recipe.log_every,
            checkpoint_every: recipe.checkpoint_every,
            keep: training.keep.clone(),
        }
    }

    fn trained_record(
        &self,
        stage: Stage,
        inputs: &serde_json::Value,
        folder: &Path,
        trained: Trained,
    ) -> Result<StageRecord, DriverError> {
        let network = self.network(stage);
        let selected = folder.join(Weights::Selected.file());
        Ok(StageRecord {
            fingerprint: fingerprint(inputs),
            inputs: inputs.clone(),
            model: network.model.clone(),
            cost: network.architecture.cost(&self.signature(stage))?,
            bytes: fs::metadata(&selected).map_err(DriverError::io(&selected))?.len(),
            epochs: self.training(stage).epochs,
            seconds: trained.seconds,
            images_per_second: Some(trained.images_per_second),
            waiting_seconds: trained.waiting_seconds,
            teacher_seconds: trained.teacher_seconds,
            skipped: trained.skipped,
            selected: Some(trained.best),
            selected_sha256: hash_file(&selected)?,
            last_sha256: hash_file(&folder.join(Weights::Last.file()))?,
            peers: self.peer_records(stage, &trained)?,
            kept_sha256: trained.kept_sha256,
        })
    }
}
