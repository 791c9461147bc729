//! A whole training: from its checkpoint or the start to the last epoch.

use std::time::Instant;

use burn::module::Module;
use distill_models::weights;
use distill_objective::Objective;

use super::{
    Context, Learner, OneSample, Precision, Trained, TrainingConfig, TrainingData,
    epoch::run_epoch, norm_of_one_place, pace::Pace, resume::start_or_resume, setup::Setup,
    state::State,
};
use crate::{
    DriverError, Event,
    metrics::{METRICS, MetricsFile},
    store::{Weights, create_dir, peer_file, write_atomic},
    teacher::TeacherOutputs,
};

/// Trains a network, and what learns beside it, from its checkpoint, or from the start where there is none.
///
/// Leaves `last.bpk` with the weights after the last epoch and `selected.bpk` with those of the epoch with the
/// best validation accuracy; of equal ones, the lower negative log-likelihood, then the earlier. With early stopping
/// the last epoch is the one that it stopped after; the network's validation decides for its peers too. `teacher` is
/// needed where the objective has terms that compare with one.
///
/// # Errors
/// [`DriverError::Recipe`] for a setting out of its range, for sets without samples, for steps of one sample where a
/// batch norm has maps of 1x1, and for several processes,
/// [`DriverError::Interrupted`], [`DriverError::NonFinite`], [`DriverError::Signals`] where the objective misses a
/// signal, and failures of files.
pub fn train(
    learner: Learner,
    data: &TrainingData<'_>,
    objective: &Objective,
    teacher: Option<&TeacherOutputs>,
    config: &TrainingConfig,
    context: &mut Context<'_>,
) -> Result<Trained, DriverError> {
    config.check().map_err(|(field, value, expected)| {
        DriverError::field(context.stage.name(), &field, value, expected)
    })?;
    for (name, loader) in [("training", data.train), ("validation", data.validation)] {
        if loader.batches() == 0 {
            let problem = format!("the {name} set has no samples, expected at least one");
            return Err(DriverError::recipe(context.stage.name(), problem));
        }
    }
    let world = context.collective.world();
    if world != 1 {
        let problem =
            format!("{world} processes, expected one: gradients are not summed over several yet");
        return Err(DriverError::recipe(context.stage.name(), problem));
    }
    check_norms(&learner, data, config, context)?;
    create_dir(context.folder)?;
    let learner = learner.computing_in(config.optimizer.precision);
    let setup = Setup { data, objective, teacher, config };
    let (learner, optimizer, mut progress) = start_or_resume(learner, &setup, context)?;
    let metrics = context.folder.join(METRICS);
    let there = std::fs::metadata(&metrics).map_or(0, |meta| meta.len());
    if there < progress.metrics_bytes {
        let (path, expected) = (metrics.display(), progress.metrics_bytes);
        context.observer.on(Event::Note(format!(
            "warning: {path}: {there} bytes, expected {expected}; lines that were there are lost"
        )));
    }
    if config.optimizer.precision == Precision::F16 {
        progress.loss_scale.get_or_insert_default();
    }
    let mut state = State {
        learner: learner.train(),
        optimizer,
        metrics: MetricsFile::open(&metrics, progress.metrics_bytes)?,
        pending: Vec::new(),
        saved: Instant::now(),
        teacher_seconds: progress.teacher_seconds,
        progress,
    };
    let mut pace = Pace::start();
    while !setup.is_over(&state.progress) {
        run_epoch(&setup, &mut state, &mut pace, context)?;
    }
    let State { learner, progress, .. } = state;
    if let (Some(epoch), Some(stopping)) = (setup.stopped_after(&progress), config.early_stopping) {
        let (name, epochs, patience) = (context.stage.name(), config.epochs, stopping.patience);
        context.observer.on(Event::Note(format!(
            "{name}: stopped after epoch {epoch} of {epochs}: no improvement for {patience} epochs"
        )));
    }
    let peers = learner.peers.iter().enumerate();
    let peers = peers.map(|(at, peer)| (peer_file(at, Weights::Last), peer));
    for (name, network) in peers.chain([(Weights::Last.file(), &learner.network)]) {
        let path = context.folder.join(name);
        write_atomic(&path, &weights::to_bytes(network, weights::Precision::Single, &path)?)?;
    }
    Ok(Trained {
        epochs: progress.epoch - 1,
        seconds: progress.seconds,
        images_per_second: progress.images_per_second(),
        waiting_seconds: progress.waiting_seconds,
        teacher_seconds: progress.teacher_seconds,
        skipped: progress.skipped,
        best: progress.best.expect("a training has at least one epoch"),
        label_noise: progress.label_noise,
        kept_sha256: progress.kept_sha256,
        peers_best: progress.peers_best.iter().map(|(best, _)| *best).collect(),
    })
}

/// Refuses steps of one sample for a network whose batch norms then see one value per channel; of a last batch it is
/// said.
fn check_norms(
    learner: &Learner,
    data: &TrainingData<'_>,
    config: &TrainingConfig,
    context: &mut Context<'_>,
) -> Result<(), DriverError> {
    let parts = config.optimizer.accumulate;
    let Some(one) = OneSample::of(data.train.samples(), data.train.batch(), parts) else {
        return Ok(());
    };
    let mut networks = [&learner.network].into_iter().chain(&learner.peers);
    let Some(norm) = networks.find_map(|network| norm_of_one_place(network.graph())) else {
        return Ok(());
    };
    let name = context.stage.name();
    let [field, expected, way_out] = one.words();
    let problem =
        format!("the batch norm `{norm}` sees one value per channel, which has no variance");
    let value = match one {
        OneSample::Batch => data.train.batch(),
        OneSample::Parts => parts,
        OneSample::LastBatch => {
            let note = format!("warning: {name}: in the last batch of an epoch {problem}");
            context.observer.on(Event::Note(note));
            return Ok(());
        }
    };
    let expected = format!("{expected}: {problem}\nhint: {way_out}");
    Err(DriverError::field(name, field, value, &expected))
}
