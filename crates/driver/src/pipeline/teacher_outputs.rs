//! Teacher outputs for a student: from the live teacher, or from the teacher cache.

use std::{collections::BTreeMap, sync::Arc};

use distill_datasets::{Augmented, Loader};
use distill_objective::Objective;
use serde_json::{Value, json};

use super::Pipeline;
use crate::{
    DriverError, Event, Observer, Stage,
    recipe::Reference,
    records::{BURN, device_name},
    teacher::{CacheConfig, CacheRequest, Teacher, TeacherOutputs},
    training::{DRY_RUN, taps, try_connection},
};

/// Version of the outputs that one key stands for: it changes where this toolkit computes others.
const FORMAT: u32 = 1;

impl Pipeline<'_> {
    /// The recipe's `[cache]`, if it has one.
    pub(super) fn cache(&self) -> Option<&CacheConfig> {
        self.config.recipe.recipe.cache.as_ref()
    }

    /// Outputs of `teacher`, which is `reference` with the features that `objective` compares selected, for the
    /// batches of a stage.
    pub(super) fn teacher_outputs(
        &self,
        stage: Stage,
        reference: Reference,
        teacher: Teacher,
        objective: &Objective,
        batches: Loader,
        observer: &mut dyn Observer,
    ) -> Result<TeacherOutputs, DriverError> {
        let Some(section) = self.cache() else { return Ok(TeacherOutputs::live(teacher)) };
        let (epochs, augment) = (self.training(stage).epochs, &self.training(stage).augment);
        let views = section.views_of(epochs);
        if views < epochs {
            observer.on(Event::Note(format!(
                "teacher cache: {views} views serve {epochs} epochs, the teacher computes {:.0} % fewer images",
                100.0 * (1.0 - views as f64 / epochs as f64)
            )));
        } else if augment.is_empty() && views > 1 {
            let note = "teacher cache: without augmentation all views are alike, `cache.views = 1` keeps one";
            observer.on(Event::Note(note.to_owned()));
        }
        let identity = self.identity(reference)?;
        let request =
            self.cache_request(stage, reference, section, objective, batches, identity)?;
        Ok(TeacherOutputs::cached(request.fill(&teacher, self.interrupt, observer)?))
    }

    /// Refuses outputs for which the cache has no room, before any teacher is trained.
    pub(super) fn check_cache(&self) -> Result<(), DriverError> {
        let recipe = &self.config.recipe;
        let Some(section) = self.cache() else { return Ok(()) };
        let mut asked = BTreeMap::new();
        for (stage, training) in recipe.trained() {
            let Some(reference) = recipe.learns_from(stage) else { continue };
            let mut objective = training.objective.built().clone();
            if objective.needs_features() {
                let graph = |stage| self.network(stage).architecture.graph(&self.signature(stage));
                let graphs = [&graph(stage)?, &graph(reference.stage)?];
                try_connection(&mut objective, graphs, &self.config.device)?;
            }
            let samples = self.task.samples(stage).source;
            let source = Arc::new(Augmented::new(samples, training.augment.clone()));
            let batches = Loader::shuffled(source, training.optimizer.batch, self.seed(stage));
            // Which teacher it is shows in its name, and not yet in its weights.
            let name = Value::from(reference.to_string());
            let request =
                self.cache_request(stage, reference, section, &objective, batches, name)?;
            request.check_early(&mut asked)?;
        }
        Ok(())
    }

    fn cache_request<'a>(
        &'a self,
        stage: Stage,
        reference: Reference,
        section: &'a CacheConfig,
        objective: &Objective,
        batches: Loader,
        identity: Value,
    ) -> Result<CacheRequest<'a>, DriverError> {
        let (recipe, own) = (&self.config.recipe, self.training(stage));
        let teacher = recipe.single(reference.stage);
        // An ensemble has no features to select.
        let mut selected = Vec::new();
        if let Some(teacher) = teacher {
            selected = taps(&teacher.architecture.graph(&self.signature(reference.stage))?);
            let [_, names] = objective.taps();
            selected.retain(|tap| names.contains(&tap.name.as_str()));
        }
        let mut inputs = json!({
            "teacher": identity,
            "architecture": teacher.map(|teacher| &teacher.architecture),
            "model": teacher.map_or("ensemble", |teacher| &teacher.model),
            "format": FORMAT,
            "burn": BURN,
            "device": device_name(&self.config.device),
            "dataset": self.task.name(),
            "dataset_sha256": self.task.sha256(),
            "classes": self.task.classes(),
            "images": self.task.labels(stage).len(),
            "validation": self.validation.samples(),
            "augment": own.augment,
            "without": own.without,
            "seed": self.seed(stage),
            "backend": self.config.backend,
        });
        let (name, shape) = self.task.shape();
        inputs[name] = shape;
        if !own.optimizer.precision.is_default() {
            inputs["computed_in"] = json!(own.optimizer.precision);
        }
        let plain = (!selected.is_empty()).then(|| {
            // Connectors are made from images without augmentation.
            Loader::in_order(self.task.first(stage, DRY_RUN), DRY_RUN)
        });
        Ok(CacheRequest {
            cache: &self.config.cache,
            section,
            classes: self.task.classes().len(),
            taps: selected,
            inputs,
            batches,
            views: section.views_of(own.epochs) as u64,
            plain,
            device: &self.config.device,
        })
    }
}
