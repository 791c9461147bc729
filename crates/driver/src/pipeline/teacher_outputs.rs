//! Teacher outputs for a student: from the live teacher, or from the teacher cache.

use std::{collections::BTreeMap, sync::Arc};

use distill_datasets::{Augmented, Loader};
use distill_objective::Objective;
use serde_json::{Value, json};

use super::{Pipeline, ensemble::teacher_identity};
use crate::{
    DriverError, Event, Observer, Stage,
    recipe::Reference,
    records::{BURN, device_name},
    teacher::{CacheConfig, CacheRequest, Teacher, TeacherOutputs},
    training::{DRY_RUN, taps, try_connection},
};

/// Version of the outputs that one key stands for: it changes where this toolkit computes others.
const FORMAT: u32 = 1;

/// Outputs of `teacher`, which is `reference` with the features that `objective` compares selected, for the
/// batches of a stage.
pub(super) fn teacher_outputs(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    reference: Reference,
    teacher: Teacher,
    objective: &Objective,
    batches: Loader,
    observer: &mut dyn Observer,
) -> Result<TeacherOutputs, DriverError> {
    let Some(section) = pipeline.cache() else { return Ok(TeacherOutputs::live(teacher)) };
    let (epochs, augment) = (pipeline.training(stage).epochs, &pipeline.training(stage).augment);
    let views = section.views_of(epochs);
    if views < epochs {
        observer.on(Event::Note(format!(
            "teacher cache: {views} views serve {epochs} epochs, the teacher computes {:.0} % fewer images",
            100.0 * (1.0 - views as f64 / epochs as f64)
        )));
    } else if augment.is_empty() && views > 1 {
        let note =
            "teacher cache: without augmentation all views are alike, `cache.views = 1` keeps one";
        observer.on(Event::Note(note.to_owned()));
    }
    let identity = teacher_identity(pipeline, reference)?;
    let request = cache_request(pipeline, stage, reference, section, objective, batches, identity)?;
    Ok(TeacherOutputs::cached(request.fill(&teacher, pipeline.interrupt, observer)?))
}

/// Refuses outputs for which the cache has no room, before any teacher is trained.
pub(super) fn check_cache(pipeline: &Pipeline<'_>) -> Result<(), DriverError> {
    let recipe = &pipeline.config.recipe;
    let Some(section) = pipeline.cache() else { return Ok(()) };
    let mut asked = BTreeMap::new();
    for (stage, training) in recipe.trained() {
        let Some(reference) = recipe.learns_from(stage) else { continue };
        let mut objective = training.objective.built().clone();
        if objective.needs_features() {
            let graph =
                |stage| pipeline.network(stage).architecture.graph(&pipeline.signature(stage));
            let graphs = [&graph(stage)?, &graph(reference.stage)?];
            try_connection(&mut objective, graphs, &pipeline.config.device)?;
        }
        let samples = pipeline.task.samples(stage).source;
        let source = Arc::new(Augmented::new(samples, training.augment.clone()));
        let batches = Loader::shuffled(source, training.optimizer.batch, pipeline.seed(stage));
        // Which teacher it is shows in its name, and not yet in its weights.
        let name = Value::from(reference.to_string());
        let request =
            cache_request(pipeline, stage, reference, section, &objective, batches, name)?;
        request.check_early(&mut asked)?;
    }
    Ok(())
}

fn cache_request<'a>(
    pipeline: &'a Pipeline<'_>,
    stage: Stage,
    reference: Reference,
    section: &'a CacheConfig,
    objective: &Objective,
    batches: Loader,
    identity: Value,
) -> Result<CacheRequest<'a>, DriverError> {
    let (recipe, own) = (&pipeline.config.recipe, pipeline.training(stage));
    let teacher = recipe.single(reference.stage);
    // An ensemble has no features to select.
    let mut selected = Vec::new();
    if let Some(teacher) = teacher {
        selected = taps(&teacher.architecture.graph(&pipeline.signature(reference.stage))?);
        let [_, names] = objective.taps();
        selected.retain(|tap| names.contains(&tap.name.as_str()));
    }
    let mut inputs = json!({
        "teacher": identity,
        "architecture": teacher.map(|teacher| &teacher.architecture),
        "model": teacher.map_or("ensemble", |teacher| &teacher.model),
        "format": FORMAT,
        "burn": BURN,
        "device": device_name(&pipeline.config.device),
        "dataset": pipeline.task.name(),
        "dataset_sha256": pipeline.task.sha256(),
        "classes": pipeline.task.classes(),
        "images": pipeline.task.labels(stage).len(),
        "validation": pipeline.validation.samples(),
        "augment": own.augment,
        "without": own.without,
        "seed": pipeline.seed(stage),
        "backend": pipeline.config.backend,
    });
    let (name, shape) = pipeline.task.shape();
    inputs[name] = shape;
    if !own.optimizer.precision.is_default() {
        inputs["computed_in"] = json!(own.optimizer.precision);
    }
    let plain = (!selected.is_empty()).then(|| {
        // Connectors are made from images without augmentation.
        Loader::in_order(pipeline.task.first(stage, DRY_RUN), DRY_RUN)
    });
    Ok(CacheRequest {
        cache: &pipeline.config.cache,
        section,
        classes: pipeline.task.classes().len(),
        taps: selected,
        inputs,
        batches,
        views: section.views_of(own.epochs) as u64,
        plain,
        device: &pipeline.config.device,
    })
}
