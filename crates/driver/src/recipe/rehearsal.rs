//! A recipe cut short: every stage for one epoch of a few images.

use super::{Reference, Resolved, ResolvedNetwork, ResolvedStage};
use crate::store::Weights;

impl Resolved {
    /// The same networks that learn from one another in the same way, each for one epoch of so many training images.
    pub(crate) fn rehearsal(&self, train: usize, validation: usize) -> Self {
        let mut short = self.clone();
        short.recipe.data.train = Some(train);
        short.recipe.data.validation = Some(validation);
        short.recipe.checkpoint_every = None;
        cut(&mut short.student, train);
        for network in short.networks.values_mut() {
            match network {
                ResolvedNetwork::Single(single) => cut(single, train),
                ResolvedNetwork::Ensemble(ensemble) => {
                    ensemble.members.iter_mut().for_each(any_epoch);
                }
                ResolvedNetwork::Specialists(all) => any_epoch(&mut all.generalist),
            }
        }
        short
    }
}

fn cut(single: &mut ResolvedStage, train: usize) {
    single.epochs = single.epochs.min(1);
    single.keep.clear();
    single.train = single.train.map(|own| own.min(train));
    single.from.iter_mut().for_each(any_epoch);
    single.specialist.iter_mut().for_each(|specialist| any_epoch(&mut specialist.of));
}

/// There is one epoch alone, and its weights are the selected ones.
fn any_epoch(reference: &mut Reference) {
    if let Weights::After(_) = reference.weights {
        reference.weights = Weights::Selected;
    }
}
