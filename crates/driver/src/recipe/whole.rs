//! A recipe with its defaults written out.

use super::{OptimizerSection, Recipe, Resolved, ResolvedStage, StageSection};
use crate::{
    Stage,
    training::{OptimizerConfig, OptimizerKind},
};

impl Resolved {
    /// The recipe with optimizer, schedule and views of each network in its own table, as they count there: it runs
    /// as this one does.
    pub fn whole(&self) -> Recipe {
        let mut recipe = self.recipe.clone();
        fill(&mut recipe.student, &self.student);
        for (stage, network) in &self.networks {
            let section = match stage {
                Stage::Network(name) => recipe.networks.get_mut(*name),
                _ => Some(&mut recipe.teacher),
            };
            // Peers have what the network has that they learn together with.
            let single = network.single().filter(|single| single.lead.is_none());
            if let Some((section, single)) = section.zip(single) {
                fill(section, single);
            }
        }
        recipe.optimizer = OptimizerSection::default();
        recipe.schedule = Default::default();
        recipe
    }
}

fn fill(section: &mut StageSection, single: &ResolvedStage) {
    if single.epochs == 0 {
        return;
    }
    section.augment = Some(single.augment.clone());
    section.optimizer = single.optimizer.section();
    section.schedule = single.schedule.clone();
    section.schedule.kind = Some(single.schedule.kind.unwrap_or_default());
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
            let resolved = Resolved::new(recipe, &source).unwrap();
            let text = toml::to_string(&resolved.whole()).unwrap();
            let again = Resolved::new(toml::from_str(&text).unwrap(), &source).unwrap();
            assert_eq!(again.order, resolved.order);
            for (stage, single) in resolved.singles() {
                let own = again.stage(stage).unwrap();
                assert_eq!(own.epochs, single.epochs);
                // Nothing is trained where weights are given.
                if single.epochs > 0 {
                    assert_eq!(
                        own.optimizer,
                        single.optimizer,
                        "{} {}",
                        builtin.name,
                        stage.name()
                    );
                    assert_eq!(own.augment, single.augment);
                }
                assert_eq!(own.objective.terms, single.objective.terms);
                assert_eq!(own.train, single.train);
            }
        }
    }
}
