//! Training of a stage: what it is made of, and the record of what came out.

use std::{fs, path::Path, sync::Arc};

use distill_collective::Solo;
use distill_datasets::{Augmented, Loader};
use distill_models::Network;
use distill_objective::{Negatives, Objective};

use super::{
    Pipeline,
    ensemble::load_teacher,
    initial::fine_tuned,
    label_noise::write_label_noise,
    peers::peer_records,
    specialists::{as_generalist, begun_with, relabelled, specialist_set},
    teacher_outputs::teacher_outputs,
};
use crate::{
    DriverError, Event, Observer, Stage, StageRecord,
    recipe::Start,
    store::{Weights, fingerprint, hash_file},
    teacher::TeacherOutputs,
    training::{Context, Learner, Trained, TrainingConfig, TrainingData, train},
};

/// Trains the network of a stage and gives its record.
pub(super) fn train_stage(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    inputs: &serde_json::Value,
    observer: &mut dyn Observer,
) -> Result<StageRecord, DriverError> {
    let (network, training) = (pipeline.network(stage), pipeline.training(stage));
    let folder = pipeline.folder(stage);
    let recipe = &pipeline.config.recipe;
    let samples = match begun_with(pipeline, stage)? {
        Some(own) => specialist_set(pipeline, stage, &own.own),
        None => pipeline.task.samples(stage),
    };
    let class_names = pipeline.class_names(stage);
    let mut objective = training.objective.of_images(&class_names, &samples.labels);
    let validation = relabelled(pipeline, stage, &pipeline.validation)?;
    let source = Arc::new(Augmented::new(samples.source, training.augment.clone()));
    let mut batches = Loader::shuffled(source, training.optimizer.batch, pipeline.seed(stage))
        .with_workers(pipeline.config.workers);
    let (learner, teacher) = build_learner(pipeline, stage, &mut objective, &batches, observer)?;
    if let Some(views) = recipe.reused_views(stage) {
        batches = batches.with_views(views as u64);
    }
    let negatives = objective.negatives().map(|_| {
        let labels: Vec<i32> = samples.labels.iter().map(|label| *label as i32).collect();
        Negatives::new(&labels, class_names.len())
    });
    observer.on(Event::StageStarted {
        stage,
        model: &network.model,
        parameters: network.architecture.cost(&pipeline.signature(stage))?.parameters,
        formula: &objective.formula(),
        epochs: training.epochs,
    });
    let data = TrainingData {
        train: &batches,
        validation: &validation,
        preprocessing: &pipeline.preprocessing(stage),
        negatives: negatives.as_ref(),
    };
    let config = training_config(pipeline, stage);
    let fingerprint = fingerprint(inputs);
    let mut context = Context {
        stage,
        folder: &folder,
        fingerprint: &fingerprint,
        seed: pipeline.seed(stage),
        device: &pipeline.config.device,
        collective: &Solo,
        interrupt: pipeline.interrupt,
        observer,
    };
    let trained = train(learner, &data, &objective, teacher.as_ref(), &config, &mut context)?;
    if let Some(noise) = &trained.label_noise {
        write_label_noise(pipeline, stage, noise, context.observer)?;
    }
    trained_record(pipeline, stage, inputs, &folder, trained)
}

/// The network with what is trained beside it, and its teacher's outputs where the objective asks for them.
fn build_learner(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    objective: &mut Objective,
    batches: &Loader,
    observer: &mut dyn Observer,
) -> Result<(Learner, Option<TeacherOutputs>), DriverError> {
    let training = pipeline.training(stage);
    let (seed, device) = (pipeline.seed(stage), &pipeline.config.device);
    let precision = training.optimizer.precision.dtype();
    let mut network = pipeline.initial(stage)?.computing_in(precision);
    if training.init.is_some() {
        network = fine_tuned(pipeline, stage, network, observer)?;
    }
    if let Start::Generalist(specialist) = training.start {
        network = as_generalist(pipeline, network, specialist)?;
    }
    let Some(reference) = pipeline.config.recipe.learns_from(stage) else {
        let mut peers: Vec<Network> = Vec::new();
        for peer in pipeline.peers(stage) {
            peers.push(pipeline.initial(*peer)?.computing_in(precision));
        }
        return Ok((Learner::with_peers(network, peers), None));
    };
    let mut teacher = load_teacher(pipeline, reference)?.computing_in(precision);
    let with_features = objective.needs_features();
    if with_features {
        network = Learner::select(network, objective, &mut teacher)?;
    }
    let outputs =
        teacher_outputs(pipeline, stage, reference, teacher, objective, batches.clone(), observer)?;
    let learner = match with_features {
        true => {
            let own = &pipeline.preprocessing(stage);
            Learner::connected(network, objective, &outputs, batches, own, seed, device)?
        }
        false => Learner::new(network),
    };
    Ok((learner, Some(outputs)))
}

fn training_config(pipeline: &Pipeline<'_>, stage: Stage) -> TrainingConfig {
    let (training, recipe) = (pipeline.training(stage), &pipeline.config.recipe.recipe);
    TrainingConfig {
        epochs: training.epochs,
        optimizer: training.optimizer.clone(),
        schedule: training.schedule.clone(),
        non_finite: recipe.non_finite,
        log_every: recipe.log_every,
        checkpoint_every: recipe.checkpoint_every,
        keep: training.keep.clone(),
        freeze_epochs: training.freeze_epochs,
        early_stopping: training.early_stopping,
    }
}

fn trained_record(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    inputs: &serde_json::Value,
    folder: &Path,
    trained: Trained,
) -> Result<StageRecord, DriverError> {
    let (network, epochs) = (pipeline.network(stage), pipeline.training(stage).epochs);
    let selected = folder.join(Weights::Selected.file());
    Ok(StageRecord {
        fingerprint: fingerprint(inputs),
        inputs: inputs.clone(),
        model: network.model.clone(),
        cost: network.architecture.cost(&pipeline.signature(stage))?,
        bytes: fs::metadata(&selected).map_err(DriverError::io(&selected))?.len(),
        epochs: trained.epochs,
        planned_epochs: (trained.epochs < epochs).then_some(epochs),
        seconds: trained.seconds,
        images_per_second: Some(trained.images_per_second),
        waiting_seconds: trained.waiting_seconds,
        teacher_seconds: trained.teacher_seconds,
        skipped: trained.skipped,
        selected: Some(trained.best),
        selected_sha256: hash_file(&selected)?,
        last_sha256: hash_file(&folder.join(Weights::Last.file()))?,
        peers: peer_records(pipeline, stage, &trained)?,
        kept_sha256: trained.kept_sha256,
    })
}
