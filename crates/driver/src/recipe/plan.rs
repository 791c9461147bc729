//! What a run does: its stages in the order of their making, with every value checked and every objective built.

use distill_objective::{Objective, Schedule, TermConfig};

use super::{LearnsFrom, NetworkPlan, Recipe, Reference, SinglePlan, Start, TrainingPlan};
use crate::Stage;

/// A recipe whose values are all in range, as far as that shows without its data.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The recipe as written.
    pub recipe: Recipe,
    /// Where it came from, for messages.
    pub file: String,
    /// The teacher that baseline and student are compared with, whether the objective looks at it or not.
    pub teacher: Reference,
    /// All stages, each after those that it learns from.
    pub stages: Vec<StagePlan>,
}

/// A stage and what it makes.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Its name.
    pub stage: Stage,
    /// What it makes.
    pub makes: NetworkPlan,
}

impl Plan {
    /// What a stage makes.
    pub fn makes(&self, stage: Stage) -> Option<&NetworkPlan> {
        self.stages.iter().find(|plan| plan.stage == stage).map(|plan| &plan.makes)
    }

    /// The network of a stage; none of several whose outputs are combined.
    pub fn single(&self, stage: Stage) -> Option<&SinglePlan> {
        self.makes(stage)?.single()
    }

    /// How a stage trains its network; `None` for other stages.
    pub fn training(&self, stage: Stage) -> Option<&TrainingPlan> {
        self.single(stage)?.training()
    }

    /// The stages that make one network, in the order of their making.
    pub fn singles(&self) -> impl Iterator<Item = (Stage, &SinglePlan)> {
        self.stages.iter().filter_map(|plan| Some((plan.stage, plan.makes.single()?)))
    }

    /// The stages that train a network, in the order of their making.
    pub fn trained(&self) -> impl Iterator<Item = (Stage, &TrainingPlan)> {
        self.singles().filter_map(|(stage, single)| Some((stage, single.training()?)))
    }

    /// The teacher of a stage whose objective looks at one.
    pub fn learns_from(&self, stage: Stage) -> Option<Reference> {
        match self.training(stage)?.learns_from {
            LearnsFrom::Teacher(teacher) => Some(teacher),
            LearnsFrom::Labels | LearnsFrom::Peers(_) => None,
        }
    }

    /// How the student is trained.
    pub fn student(&self) -> &TrainingPlan {
        self.training(Stage::Student).expect("every plan trains a student")
    }

    /// The objective of the distilled student.
    pub fn objective(&self) -> &Objective {
        self.student().objective.built()
    }

    /// Temperature of the student's soft targets after its last epoch, of the first term that has one; 1 where
    /// none has.
    pub fn temperature(&self) -> f64 {
        let found = self.recipe.objective.iter().find_map(temperature);
        found.map_or(1.0, |schedule| schedule.at(self.student().epochs))
    }

    /// The views that a stage has, where a cache makes these fewer than its epochs: those of networks that
    /// learn from others, and of those that are compared with one.
    pub fn reused_views(&self, stage: Stage) -> Option<usize> {
        let training = self.training(stage)?;
        let is_like_student = training.start == Start::Student
            || matches!(training.learns_from, LearnsFrom::Teacher(_));
        let views = self.recipe.cache.as_ref()?.views_of(training.epochs);
        (is_like_student && views < training.epochs).then_some(views)
    }
}

/// The temperature of a term's soft targets.
fn temperature(term: &TermConfig) -> Option<Schedule> {
    // The temperature of a term that compares features is that of another softmax.
    if term.build().ok()?.places().is_some() {
        return None;
    }
    let settings = serde_json::to_value(term).ok()?;
    serde_json::from_value(settings.get("temperature")?.clone()).ok()
}
