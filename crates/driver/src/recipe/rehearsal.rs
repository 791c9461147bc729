//! A recipe cut short: every stage for one epoch of a few images.

use super::{LearnsFrom, NetworkPlan, Origin, Plan, Reference, Start, TrainingPlan, Validation};
use crate::store::Weights;

impl Plan {
    /// The same networks that learn from one another in the same way, each for one epoch of so many training images,
    /// with so many held out for validation; `None` where validation images have a folder.
    pub(crate) fn rehearsal(&self, train: usize, validation: Option<usize>) -> Self {
        let mut short = self.clone();
        short.recipe.data.train = Some(train);
        if let Some(images) = validation {
            short.recipe.data.validation = Some(Validation::Images(images));
        }
        short.recipe.checkpoint_every = None;
        any_epoch(&mut short.teacher);
        for stage in &mut short.stages {
            match &mut stage.makes {
                NetworkPlan::Single(single) => {
                    if let Origin::Trained(training) = &mut single.origin {
                        cut(training, train);
                    }
                }
                NetworkPlan::Ensemble(ensemble) => {
                    ensemble.members.iter_mut().for_each(any_epoch);
                }
                NetworkPlan::Specialists(all) => any_epoch(&mut all.generalist),
            }
        }
        short
    }
}

fn cut(training: &mut TrainingPlan, train: usize) {
    training.epochs = 1;
    training.freeze_epochs = 0;
    training.keep.clear();
    training.train = training.train.map(|own| own.min(train));
    if let LearnsFrom::Teacher(teacher) = &mut training.learns_from {
        any_epoch(teacher);
    }
    if let Start::Generalist(specialist) = &mut training.start {
        any_epoch(&mut specialist.of);
    }
}

/// There is one epoch alone, and its weights are the selected ones.
fn any_epoch(reference: &mut Reference) {
    if let Weights::After(_) = reference.weights {
        reference.weights = Weights::Selected;
    }
}
