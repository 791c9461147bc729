//! What shows before any stage is made: the data, and whether each stage can compare features.

use distill_datasets::{Dataset, FolderSummary, LoadConfig, load};

use super::RunConfig;
use crate::{
    DriverError, Event, Observer, Stage, recipe::SinglePlan, task::Task, training::try_connection,
};

impl RunConfig {
    /// What to load, how much memory is free for it, and where decoded images are stored.
    pub fn load_config(&self) -> LoadConfig {
        let mut config = self.recipe.load_config(self.data.clone(), self.offline);
        config.folder.free_memory = self.capabilities.free_host_memory.and_then(|ask| ask());
        config.folder.decoded.clone_from(&self.decoded);
        config
    }

    /// The data, which recipe and device are compared with.
    pub(super) fn read_data(&self, observer: &mut dyn Observer) -> Result<Dataset, DriverError> {
        let dataset = load(&self.load_config(), &mut |event| observer.on(event.into()))?;
        for note in dataset.summary.iter().flat_map(FolderSummary::notes) {
            observer.on(Event::Note(note));
        }
        self.recipe.check_against(&dataset)?;
        let (train, validation) = self.recipe.split_sizes(&dataset)?;
        let left = match dataset.validation {
            Some(_) => dataset.available,
            None => dataset.available - validation,
        };
        if 4 * train < left {
            let share = 100.0 * train as f64 / left as f64;
            observer.on(Event::Note(format!(
                "`data.train` takes {train} of {left} training images, {share:.0} % of the data"
            )));
        }
        self.recipe.check_device(&self.backend, self.capabilities, &self.device)?;
        Ok(dataset)
    }
}

/// The student's objective for both networks. Shows as well that each stage can compare the features that its
/// objective looks at.
pub(super) fn effective_formula(
    config: &RunConfig,
    task: &dyn Task,
) -> Result<String, DriverError> {
    let recipe = &config.recipe;
    let graph = |stage: Stage, single: &SinglePlan| {
        Ok::<_, DriverError>(
            single.architecture.graph(&task.signature(stage, task.classes().len()))?,
        )
    };
    let mut formula = recipe.objective().formula();
    for (stage, single) in recipe.singles() {
        let Some(training) = single.training() else { continue };
        let Some(reference) = recipe.learns_from(stage) else { continue };
        let mut objective = training.objective.built().clone();
        if !objective.needs_features() {
            continue;
        }
        let Some(teacher) = recipe.single(reference.stage) else {
            let expected = "one network, for the features that the objective compares have no mean";
            let field = format!("{}.from", single.table);
            return Err(DriverError::field(&recipe.file, &field, reference, expected));
        };
        let graphs = [&graph(stage, single)?, &graph(reference.stage, teacher)?];
        let connected = try_connection(&mut objective, graphs, &config.device);
        connected.map_err(|e| DriverError::recipe(&recipe.file, e))?;
        if stage == Stage::Student {
            formula = objective.formula();
        }
    }
    Ok(formula)
}
