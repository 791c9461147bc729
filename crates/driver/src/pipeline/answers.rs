//! Who answers the student: the teacher itself, or what it said earlier.

use distill_datasets::Loader;
use distill_objective::Objective;
use serde_json::json;

use super::Pipeline;
use crate::{
    Answers, DriverError, Event, Learner, Observer, Stage, Teacher,
    cache::Filling,
    learner::{taps, try_connection},
    recipe::CacheSection,
    run_folder::{BURN, device_name},
    stage::weights_identity,
};

/// What the answers of one key are may change with this toolkit: then this does.
const FORMAT: u32 = 1;

impl Pipeline<'_> {
    /// The recipe's `[cache]`, if it has one.
    pub(super) fn cache(&self) -> Option<&CacheSection> {
        self.config.recipe.recipe.cache.as_ref()
    }

    /// Answers of `teacher`, which watches what `objective` compares.
    pub(super) fn answers(
        &self,
        teacher: Teacher,
        objective: &Objective,
        batches: Loader,
        observer: &mut dyn Observer,
    ) -> Result<Answers, DriverError> {
        let Some(section) = self.cache() else { return Ok(Answers::live(teacher)) };
        let (epochs, augment) =
            (self.config.recipe.student.epochs, &self.config.recipe.student.augment);
        let views = section.views_of(epochs);
        if views < epochs {
            observer.on(Event::Note(format!(
                "answers: {views} views serve {epochs} epochs, the teacher answers for {:.0} % fewer images",
                100.0 * (1.0 - views as f64 / epochs as f64)
            )));
        } else if augment.is_empty() && views > 1 {
            let note =
                "answers: without augmentation all views are alike, `cache.views = 1` keeps one";
            observer.on(Event::Note(note.to_owned()));
        }
        let filling = self.filling(section, objective, batches, self.teacher_identity()?)?;
        Ok(Answers::kept(filling.run(&teacher, self.interrupt, observer)?))
    }

    /// Refuses answers for which there is no room, before the teacher is trained.
    pub(super) fn check_cache(&self) -> Result<(), DriverError> {
        let recipe = &self.config.recipe;
        let mut objective = recipe.objective();
        let Some(section) = self.cache().filter(|_| objective.needs_teacher()) else {
            return Ok(());
        };
        if objective.needs_features() {
            let graph = |stage| self.settings(stage).architecture.graph(&self.signature(stage));
            let graphs = [&graph(Stage::Student)?, &graph(Stage::Teacher)?];
            try_connection(&mut objective, graphs, &self.config.device)?;
        }
        let batches = Loader::shuffled(
            self.seen.clone(),
            recipe.student.optimizer.batch,
            self.config.seed,
            recipe.student.augment.clone(),
        );
        self.filling(section, &objective, batches, serde_json::Value::Null)?.check_early()
    }

    /// Identity of the teacher as the student hears it.
    pub(super) fn teacher_identity(&self) -> Result<serde_json::Value, DriverError> {
        let network = self.load(Stage::Teacher, "selected.bpk")?;
        Ok(json!({
            "weights": weights_identity(&network),
            "signature": self.signature(Stage::Teacher),
            "mean": self.teacher_view.normalisation.mean,
            "std": self.teacher_view.normalisation.std,
        }))
    }

    fn filling<'a>(
        &'a self,
        section: &'a CacheSection,
        objective: &Objective,
        batches: Loader,
        teacher: serde_json::Value,
    ) -> Result<Filling<'a>, DriverError> {
        let recipe = &self.config.recipe;
        let graph = recipe.teacher.architecture.graph(&self.signature(Stage::Teacher))?;
        let [_, watched] = objective.taps();
        let mut taps = taps(&graph);
        taps.retain(|tap| watched.contains(&tap.name.as_str()));
        let inputs = json!({
            "teacher": teacher,
            "architecture": recipe.teacher.architecture,
            "model": recipe.teacher.model,
            "image": self.image(),
            "format": FORMAT,
            "burn": BURN,
            "device": device_name(&self.config.device),
            "dataset": self.dataset.name,
            "dataset_sha256": self.dataset.sha256,
            "classes": self.dataset.classes,
            "images": self.seen.len(),
            "validation": self.validation.samples(),
            "augment": recipe.student.augment,
            "without": recipe.recipe.student.without,
            "seed": self.config.seed,
            "backend": self.config.backend,
        });
        let plain = (!taps.is_empty()).then(|| Learner::dry_run(&self.seen));
        Ok(Filling {
            cache: &self.config.cache,
            section,
            classes: self.dataset.classes.len(),
            taps,
            inputs,
            batches,
            views: section.views_of(recipe.student.epochs) as u64,
            plain,
            device: &self.config.device,
        })
    }
}
