//! The objective of a stage: as it is written, and built.

use distill_objective::{ConfigError, CrossEntropyConfig, Objective, Schedule, Term, TermConfig};

use super::{ClassWeights, Recipe};
use crate::training::ClassWeighted;

/// Terms of a stage's loss, checked and built once.
#[derive(Debug, Clone)]
pub struct StageObjective {
    /// The terms as written.
    pub terms: Vec<TermConfig>,
    /// Weights of classes in its cross entropy.
    class_weights: Option<ClassWeights>,
    built: Objective,
}

impl StageObjective {
    /// Checks and builds the terms.
    ///
    /// # Errors
    /// [`ConfigError`] as [`Objective::new`] gives it.
    pub(super) fn new(
        terms: Vec<TermConfig>,
        class_weights: Option<&ClassWeights>,
    ) -> Result<Self, ConfigError> {
        let built = Objective::new(&terms)?;
        let class_weights = class_weights.filter(|_| terms.iter().any(is_cross_entropy)).cloned();
        let built = match &class_weights {
            Some(own) => weighted(&terms, own, &[])?,
            None => built,
        };
        Ok(Self { terms, class_weights, built })
    }

    /// The sum of the terms; which features it compares depends on the networks, and is not resolved. Weights of
    /// classes come with the training images.
    pub fn built(&self) -> &Objective {
        &self.built
    }

    /// Weights of classes in its cross entropy; none of an objective without one.
    pub fn class_weights(&self) -> Option<&ClassWeights> {
        self.class_weights.as_ref()
    }

    /// The sum of the terms for training images with these labels, of the classes `names`.
    pub(crate) fn of_images(&self, names: &[String], labels: &[u32]) -> Objective {
        let own = self.class_weights.as_ref();
        let of_images =
            own.and_then(|own| weighted(&self.terms, own, &own.numbers(names, labels)).ok());
        of_images.unwrap_or_else(|| self.built.clone())
    }
}

/// The sum of `terms` with a weight for each class in the cross entropy.
fn weighted(
    terms: &[TermConfig],
    class_weights: &ClassWeights,
    numbers: &[f64],
) -> Result<Objective, ConfigError> {
    let mut built: Vec<(Schedule, Box<dyn Term>)> = Vec::with_capacity(terms.len());
    for term in terms {
        let own: Box<dyn Term> = match term {
            TermConfig::CrossEntropy(config) => {
                Box::new(ClassWeighted::new(config, numbers.to_vec(), class_weights.formula())?)
            }
            other => other.build()?,
        };
        built.push((term.weight(), own));
    }
    Ok(Objective::of(built))
}

fn is_cross_entropy(term: &TermConfig) -> bool {
    matches!(term, TermConfig::CrossEntropy(_))
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
