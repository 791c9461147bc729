//! The objective of a stage: as it is written, and built.

use distill_objective::{ConfigError, CrossEntropyConfig, Objective, TermConfig};

use super::Recipe;

/// Terms of a stage's loss, checked and built once.
#[derive(Debug, Clone)]
pub struct StageObjective {
    /// The terms as written.
    pub terms: Vec<TermConfig>,
    built: Objective,
}

impl StageObjective {
    /// Checks and builds the terms.
    ///
    /// # Errors
    /// [`ConfigError`] as [`Objective::new`] gives it.
    pub(super) fn new(terms: Vec<TermConfig>) -> Result<Self, ConfigError> {
        let built = Objective::new(&terms)?;
        Ok(Self { terms, built })
    }

    /// The sum of the terms; which features it compares depends on the networks, and is not resolved.
    pub fn built(&self) -> &Objective {
        &self.built
    }
}

/// The objective of networks that learn from labels alone: the recipe's cross entropy with weight one, or the
/// plain one where it has none.
pub(super) fn label_terms(recipe: &Recipe) -> Vec<TermConfig> {
    let of_recipe = recipe.objective.iter().find_map(|term| match term {
        TermConfig::CrossEntropy(config) => Some(config.clone()),
        _ => None,
    });
    let plain = of_recipe.unwrap_or_default();
    vec![TermConfig::CrossEntropy(CrossEntropyConfig { weight: 1.0.into(), ..plain })]
}
