//! What a run will take, measured on a few batches of each stage.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicBool},
    time::{Duration, Instant},
};

use distill_datasets::Dataset;
use serde::Serialize;

use super::{
    EVALUATION_BATCH, Pipeline, RunConfig, data_forecast::DataForecast, ensemble::load_teacher,
    evaluate::some_training_images, label_weights::check_label_weights, make::make_stage,
    memory::check_memory, norms::check_norms, specialists::relabelled,
    teacher_outputs::check_cache,
};
use crate::{
    DriverError, Event, Observer, Silent, Stage,
    evaluation::TeacherSignal,
    recipe::{Reference, SinglePlan},
    remarks::{Remark, of_teacher},
};

/// Batches of the first rehearsal; those of warm-up are not counted.
const BATCHES: usize = 12;
/// A rehearsal that is shorter than this is held again, with more images.
const LONG_ENOUGH: Duration = Duration::from_secs(4);
/// Training images that a given teacher is asked about.
const TEACHER_IMAGES: usize = 512;
/// Seconds that the latency of a network is measured for.
const LATENCY: f64 = 2.0;

/// What a run takes on this machine: an estimate.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Forecast {
    /// The student's objective as it is effectively minimised.
    pub formula: String,
    /// Images of its splits.
    pub data: DataForecast,
    /// The networks that have weights, in the order of their making.
    pub stages: Vec<StageForecast>,
    /// Seconds of the evaluation at the end.
    pub evaluation_seconds: f64,
    /// Seconds of all.
    pub seconds: f64,
    /// Memory where it computes, bytes; none where nothing is trained.
    pub memory: Option<u64>,
    /// Room that weights and checkpoints take in the run's folder at the most, bytes.
    pub disk: u64,
    /// A teacher of given weights on training images; none of one that the run trains.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub teacher: Option<TeacherSignal>,
    /// Why distillation may not gain from that teacher.
    pub remarks: Vec<Remark>,
}

/// One network of a run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct StageForecast {
    /// Which.
    pub stage: Stage,
    /// Name of its architecture.
    pub architecture: String,
    /// Trainable numbers.
    pub parameters: u64,
    /// Multiply-accumulates for one image.
    pub macs: u64,
    /// Epochs; 0 of given weights, and of networks that are trained in another one's stage.
    pub epochs: usize,
    /// Images of an epoch.
    pub images: usize,
    /// Images that it trains on in a second.
    pub images_per_second: Option<f64>,
    /// Seconds of its training, validation and checkpoints included, and of its teacher's outputs where they are
    /// cached.
    pub seconds: f64,
}

/// Checks a recipe with its data, and says what it takes: each stage is rehearsed in a folder of its own that goes
/// away, for a few seconds or a dozen of batches, whatever is longer.
///
/// # Errors
/// Those of [`run`](super::run) that show before training, and those of the first steps.
pub fn forecast(
    config: &RunConfig,
    observer: &mut dyn Observer,
    interrupt: &AtomicBool,
) -> Result<Forecast, DriverError> {
    let dataset = config.read_data(observer)?;
    let pipeline = Pipeline::new(config, &dataset, interrupt, observer)?;
    check_norms(&pipeline)?;
    check_label_weights(&pipeline)?;
    check_cache(&pipeline)?;
    let memory = check_memory(&pipeline, |_| true, &mut Silent)?;
    let rehearsed = rehearse(&pipeline, &dataset, observer).map_err(|error| match error {
        DriverError::Interrupted { .. } => DriverError::RehearsalInterrupted,
        error => error,
    });
    let Rehearsed { paces, teacher } = rehearsed?;

    let mut stages = Vec::new();
    for (stage, single) in config.recipe.singles() {
        stages.push(stage_forecast(&pipeline, stage, single, &paces[&stage])?);
    }
    let test = pipeline.test.samples() as f64;
    let validation = pipeline.validation.samples() as f64;
    // The last epoch and the selected one on the test images.
    let evaluation_seconds = paces
        .values()
        .map(|pace| (2.0 * test + validation) / pace.evaluated_per_second + LATENCY)
        .sum();
    Ok(Forecast {
        formula: pipeline.formula.clone(),
        seconds: stages.iter().map(|stage| stage.seconds).sum::<f64>() + evaluation_seconds,
        stages,
        data: DataForecast::of(&dataset, &config.recipe)?,
        evaluation_seconds,
        memory,
        disk: pipeline.bytes_needed(),
        remarks: teacher.iter().flat_map(of_teacher).collect(),
        teacher,
    })
}

/// How fast each stage goes, and what a given teacher says of training images.
struct Rehearsed {
    paces: BTreeMap<Stage, Pace>,
    teacher: Option<TeacherSignal>,
}

fn rehearse(
    pipeline: &Pipeline<'_>,
    dataset: &Dataset,
    observer: &mut dyn Observer,
) -> Result<Rehearsed, DriverError> {
    let recipe = &pipeline.config.recipe;
    let batch = recipe.trained().map(|(_, training)| training.optimizer.batch).max().unwrap_or(1);
    let validation = pipeline.validation.samples().min(EVALUATION_BATCH);
    let mut images = (BATCHES * batch).min(pipeline.task.train());
    let mut teacher = None;
    loop {
        let name = &recipe.recipe.name;
        observer.on(Event::Note(format!("{name}: rehearsed with {images} images")));
        let started = Instant::now();
        let paces = rehearse_with(pipeline, dataset, images, validation, &mut teacher)?;
        if started.elapsed() >= LONG_ENOUGH || images == pipeline.task.train() {
            return Ok(Rehearsed { paces, teacher });
        }
        images = (4 * images).min(pipeline.task.train());
    }
}

fn rehearse_with(
    pipeline: &Pipeline<'_>,
    dataset: &Dataset,
    images: usize,
    validation: usize,
    given_teacher: &mut Option<TeacherSignal>,
) -> Result<BTreeMap<Stage, Pace>, DriverError> {
    let folder = tempfile::tempdir().map_err(DriverError::io(std::env::temp_dir()))?;
    let own = dataset.validation.as_ref().map(|own| Arc::new(own.first(validation)));
    let held_out = own.is_none().then_some(validation);
    let config = RunConfig {
        recipe: pipeline.config.recipe.rehearsal(images, held_out),
        out: folder.path().join("run"),
        cache: folder.path().join("cache"),
        ..pipeline.config.clone()
    };
    let test = Arc::new(dataset.test.first(1));
    let dataset = Dataset { test, validation: own, ..dataset.clone() };
    let short = Pipeline::new(&config, &dataset, pipeline.interrupt, &mut Silent)?;
    let mut paces = BTreeMap::new();
    for plan in &config.recipe.stages {
        let stage = plan.stage;
        let mut stopwatch = Stopwatch::default();
        make_stage(&short, plan, &mut stopwatch)?;
        let images = relabelled(&short, stage, &short.validation)?;
        let started = Instant::now();
        let teacher = load_teacher(&short, Reference::selected(stage))?;
        teacher.predictions(&images, &config.device)?;
        let evaluated_per_second = images.samples() as f64 / started.elapsed().as_secs_f64();
        let evaluation = validation as f64 / evaluated_per_second;
        paces.insert(
            stage,
            Pace {
                images_per_second: stopwatch.images_per_second,
                outputs_per_second: stopwatch.outputs_per_second,
                end_of_epoch: (stopwatch.end_of_epoch - evaluation).max(0.0),
                evaluated_per_second,
            },
        );
    }
    let reference = config.recipe.teacher;
    let is_given = config.recipe.single(reference.stage).is_some_and(|it| it.training().is_none());
    if is_given && given_teacher.is_none() {
        let images = some_training_images(pipeline, TEACHER_IMAGES);
        let said = load_teacher(&short, reference)?.predictions(&images, &config.device)?;
        *given_teacher = Some(TeacherSignal::of(&said, config.recipe.temperature()));
    }
    Ok(paces)
}

fn stage_forecast(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    single: &SinglePlan,
    pace: &Pace,
) -> Result<StageForecast, DriverError> {
    let cost = single.architecture.cost(&pipeline.signature(stage))?;
    let epochs = single.training().map_or(0, |training| training.epochs);
    let images = pipeline.task.labels(stage).len();
    let mut seconds = 0.0;
    if let Some(rate) = pace.images_per_second.filter(|_| epochs > 0) {
        let validation = pipeline.validation.samples() as f64 / pace.evaluated_per_second;
        seconds += epochs as f64 * (images as f64 / rate + validation + pace.end_of_epoch);
    }
    if let Some((rate, cache)) = pace.outputs_per_second.zip(pipeline.cache()) {
        seconds += (cache.views_of(epochs) * images) as f64 / rate;
    }
    Ok(StageForecast {
        stage,
        architecture: single.model.clone(),
        parameters: cost.parameters,
        macs: cost.macs,
        epochs,
        images,
        images_per_second: pace.images_per_second.filter(|_| epochs > 0),
        seconds,
    })
}

/// How fast a stage goes.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// In training.
    images_per_second: Option<f64>,
    /// Of its teacher, where its outputs are cached.
    outputs_per_second: Option<f64>,
    /// Seconds of the end of an epoch, but for the validation.
    end_of_epoch: f64,
    /// In evaluation.
    evaluated_per_second: f64,
}

/// Takes the times of a stage from its events.
#[derive(Debug, Default)]
struct Stopwatch {
    images_per_second: Option<f64>,
    outputs_per_second: Option<f64>,
    last_step: Option<Instant>,
    end_of_epoch: f64,
}

impl Observer for Stopwatch {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Steps { images_per_second, .. } => {
                self.images_per_second = Some(images_per_second);
                self.last_step = Some(Instant::now());
            }
            Event::TeacherOutputs { images_per_second, .. } => {
                self.outputs_per_second = Some(images_per_second);
            }
            Event::Epoch { .. } => {
                self.end_of_epoch = self.last_step.map_or(0.0, |last| last.elapsed().as_secs_f64());
            }
            _ => {}
        }
    }
}
