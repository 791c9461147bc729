//! What shows before any stage is made: the data, the images of each, and whether it can compare features.

use std::{collections::BTreeMap, sync::Arc};

use distill_datasets::{Dataset, ImageSet, load};

use super::RunConfig;
use crate::{
    DriverError, Event, ImagePreprocessing, Observer, Stage,
    recipe::{Origin, Plan, SinglePlan},
    training::try_connection,
};

impl RunConfig {
    /// The data, which recipe and device are compared with.
    pub(super) fn read_data(&self, observer: &mut dyn Observer) -> Result<Dataset, DriverError> {
        let load_config = self.recipe.load_config(self.data.clone(), self.offline);
        let dataset = load(&load_config, &mut |file, have| {
            observer.on(Event::Fetching { file: &file.path, have, total: file.bytes });
        })?;
        self.recipe.check_against(&dataset)?;
        self.recipe.check_device(&self.backend, self.capabilities, &self.device)?;
        Ok(dataset)
    }
}

/// What a stage learns from.
#[derive(Clone)]
pub(super) struct TrainingSet {
    pub(super) images: Arc<ImageSet>,
    /// Of each class whether the stage never sees it.
    pub(super) missing: Vec<bool>,
}

/// The training images of each stage, those that are alike only once.
pub(super) fn training_sets(
    recipe: &Plan,
    train: &Arc<ImageSet>,
    dataset: &Dataset,
) -> Result<BTreeMap<Stage, TrainingSet>, DriverError> {
    let mut alike: Vec<(Option<usize>, TrainingSet)> = Vec::new();
    let mut sets: BTreeMap<Stage, TrainingSet> = BTreeMap::new();
    for (stage, single) in recipe.singles() {
        if let Origin::Peer(lead) = &single.origin {
            sets.insert(stage, sets[lead].clone());
            continue;
        }
        let own = single.training().and_then(|training| training.train);
        let missing = recipe.missing(stage, dataset)?;
        let there = alike.iter().find(|(same, set)| *same == own && set.missing == missing);
        let set = match there {
            Some((_, set)) => set.clone(),
            None => {
                let mut images = match own {
                    Some(own) => Arc::new(train.first(own)),
                    None => train.clone(),
                };
                if missing.contains(&true) {
                    images = Arc::new(images.without(&missing));
                }
                let set = TrainingSet { images, missing };
                alike.push((own, set.clone()));
                set
            }
        };
        let batch = single.training().map_or(0, |training| training.optimizer.batch);
        let left = set.images.len();
        if left < batch {
            let table = &single.table;
            let expected = format!("at most the {left} images that `{table}.without` leaves");
            let field = format!("{table}: optimizer.batch");
            return Err(DriverError::field(&recipe.file, &field, batch, &expected));
        }
        sets.insert(stage, set);
    }
    Ok(sets)
}

/// The student's objective for both networks. Shows as well that each stage can compare the features that its
/// objective looks at.
pub(super) fn effective_formula(
    config: &RunConfig,
    preprocessing: &BTreeMap<Stage, ImagePreprocessing>,
    dataset: &Dataset,
) -> Result<String, DriverError> {
    let recipe = &config.recipe;
    let graph = |stage: Stage, single: &SinglePlan| {
        Ok::<_, DriverError>(
            single.architecture.graph(&preprocessing[&stage].signature(dataset.classes.len()))?,
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
