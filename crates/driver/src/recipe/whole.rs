//! A recipe with its defaults written out.

use super::{OptimizerSection, Plan, Recipe, StageSection, TrainingPlan};
use crate::{
    Stage,
    training::{OptimizerConfig, OptimizerKind},
};

impl Plan {
    /// The recipe with optimizer, schedule and views of each network in its own table, as they count there: it runs
    /// as this one does.
    pub fn whole(&self) -> Recipe {
        let mut recipe = self.recipe.clone();
        for (stage, training) in self.trained() {
            let section = match stage {
                // The student's table is the baseline's.
                Stage::Baseline => None,
                Stage::Network(name) => recipe.networks.get_mut(name),
                Stage::Teacher => Some(&mut recipe.teacher),
                Stage::Student => Some(&mut recipe.student),
            };
            if let Some(section) = section {
                fill(section, training);
            }
        }
        recipe.optimizer = OptimizerSection::default();
        recipe.schedule = Default::default();
        recipe
    }
}

fn fill(section: &mut StageSection, training: &TrainingPlan) {
    section.augment = Some(training.augment.clone());
    section.optimizer = training.optimizer.section();
    section.schedule = training.schedule.clone();
    section.schedule.kind = Some(training.schedule.kind.unwrap_or_default());
}

impl OptimizerConfig {
    /// As a recipe writes it, with the fields that its kind has.
    fn section(&self) -> OptimizerSection {
        let is_sgd = self.kind == OptimizerKind::Sgd;
        OptimizerSection {
            kind: Some(self.kind),
            learning_rate: Some(self.learning_rate),
            batch: Some(self.batch),
            weight_decay: Some(self.weight_decay),
            momentum: is_sgd.then_some(self.momentum),
            nesterov: is_sgd.then_some(self.nesterov),
            betas: (!is_sgd).then_some(self.betas),
            epsilon: (!is_sgd).then_some(self.epsilon),
            precision: Some(self.precision),
            accumulate: Some(self.accumulate),
            gradient_checkpoints: Some(self.gradient_checkpoints),
            clip_norm: self.clip_norm,
            max_norm: self.max_norm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::{BUILTIN, read};

    #[test]
    fn a_whole_recipe_is_the_same_recipe() {
        for builtin in BUILTIN {
            let (recipe, source) = read(builtin.name, &[]).unwrap();
            let plan = Plan::new(recipe, &source).unwrap();
            let text = toml::to_string(&plan.whole()).unwrap();
            let again = Plan::new(toml::from_str(&text).unwrap(), &source).unwrap();
            let order = |plan: &Plan| plan.stages.iter().map(|plan| plan.stage).collect::<Vec<_>>();
            assert_eq!(order(&again), order(&plan));
            for (stage, single) in plan.singles() {
                let own = again.single(stage).unwrap();
                assert_eq!(own.given(), single.given());
                let Some(training) = single.training() else { continue };
                let own = own.training().unwrap();
                assert_eq!(own.epochs, training.epochs);
                let named = format!("{} {}", builtin.name, stage.name());
                assert_eq!(own.optimizer, training.optimizer, "{named}");
                assert_eq!(own.augment, training.augment);
                assert_eq!(own.objective.terms, training.objective.terms);
                assert_eq!(own.train, training.train);
            }
        }
    }
}
