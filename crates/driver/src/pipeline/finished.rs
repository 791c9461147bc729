//! Whether a run's folder holds the run that is asked for, finished.

use std::{fs, path::Path};

use super::{RunConfig, given};
use crate::{
    DriverError, Report, Silent, Stage,
    recipe::Recipe,
    records::StageRecord,
    store::{hash_file, to_json},
};

impl RunConfig {
    /// Whether its folder holds this very run, finished: its recipe, seed and backend, the files of networks that
    /// are given, on data of the identity `dataset`. It reads records and these files alone; whether weights are
    /// whole shows where the run is called again, which skips what is there.
    pub fn is_finished(&self, dataset: &str) -> bool {
        let Ok(written) = fs::read(self.out.join("report.json")) else { return false };
        // A stage that is being made again has no record, or another one than was reported.
        let Ok(report) = Report::assemble(&self.out) else { return false };
        to_json(&report) == written
            && report.backend == self.backend
            && report.dataset.sha256 == dataset
            && self.holds_this_recipe().unwrap_or(false)
    }

    fn holds_this_recipe(&self) -> Result<bool, DriverError> {
        let offline = Self { offline: true, ..self.clone() };
        let mut given = Vec::new();
        for (stage, _) in self.recipe.singles() {
            let Some(path) = given::find(&offline, stage, &mut Silent)? else { continue };
            let inputs = StageRecord::of_run(&self.out, stage)?.inputs;
            let weights = inputs.get("weights").unwrap_or(&inputs["init"]["weights"]);
            if *weights != hash_file(&path)? {
                return Ok(false);
            }
            given.push((stage, path));
        }
        let given = given.iter().map(|(stage, path)| (*stage, path.as_path()));
        Ok(Recipe::of_run(&self.out)? == self.recipe_with(given)?)
    }

    /// The recipe as it lies in the run's folder: with this run's seed, and networks that are given where they were
    /// found.
    pub(super) fn recipe_with<'a>(
        &self,
        given: impl Iterator<Item = (Stage, &'a Path)>,
    ) -> Result<Recipe, DriverError> {
        let mut recipe = self.recipe.recipe.clone();
        recipe.seed = self.seed;
        recipe.seeds.clear();
        for (stage, weights) in given {
            let section = match stage {
                Stage::Network(name) => recipe.networks.get_mut(name).expect("one of them"),
                Stage::Teacher => &mut recipe.teacher,
                Stage::Baseline | Stage::Student => &mut recipe.student,
            };
            let path = std::path::absolute(weights).map_err(DriverError::io(weights))?;
            section.weights = Some(path);
        }
        Ok(recipe)
    }
}
