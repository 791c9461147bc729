//! Share of each term in the student's gradient.

use std::collections::BTreeMap;

use burn::{module::Module, tensor::FloatDType};

use super::{
    Context, Learner, backward::gradients, clip::global_norm, forward::Forward, setup::Setup,
};
use crate::DriverError;

/// For each term that counts in this epoch the norm of its weighted gradient with respect to all of the
/// network's weights, divided by the sum of these norms; measured on the first batch of the epoch (with gradient
/// accumulation the first micro-batch), and not on what is trained but on a copy. Empty where there is one term.
pub(super) fn gradient_shares(
    setup: &Setup<'_>,
    learner: &Learner,
    epoch: usize,
    context: &Context<'_>,
) -> Result<BTreeMap<String, f64>, DriverError> {
    let names = setup.objective.names_in(epoch);
    if names.len() < 2 {
        return Ok(BTreeMap::new());
    }
    let Some(batch) = setup.data.train.one(epoch as u64, 0)? else {
        return Ok(BTreeMap::new());
    };
    let batch = batch.split(setup.config.optimizer.accumulate).swap_remove(0);
    let forward = Forward { setup, seed: context.seed, device: context.device };
    // Running statistics are shared between clones, and not with what evaluation has.
    let mut copy = learner.valid().train();
    // Not scaled, they would vanish in half precision.
    copy.network = copy.network.computing_in(FloatDType::F32);
    let mut norms = Vec::with_capacity(names.len());
    for at in 0..names.len() {
        // A graph of gradients can be walked once.
        let draws = &mut forward.draws(epoch, 0);
        let mut output = forward.run(&copy, batch.clone(), epoch, draws)?;
        let mut connectors = learner.connectors.clone();
        let signals = output.signals.swap_remove(0);
        let mut value = setup.objective.evaluate_with(&signals, &mut connectors)?;
        let term = value.terms.swap_remove(at);
        let loss = term.value * term.weight;
        let gradients = gradients(&forward, loss, output.checkpointed, &copy);
        let norm = gradients.and_then(|all| global_norm(&all, &copy.network));
        norms.push(norm.map_or(0.0, |norm| f64::from(norm.into_scalar::<f32>())));
    }
    let all: f64 = norms.iter().sum();
    let shares = norms.into_iter().map(|norm| if all > 0.0 { norm / all } else { 0.0 });
    Ok(names.into_iter().map(str::to_owned).zip(shares).collect())
}
