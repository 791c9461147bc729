//! Batch norm and what follows it.

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            NodeId,
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops},
        },
    },
    tensor::Tensor,
};

use super::{Plain, by_channel, dense, maps, numbers, plain, recorded, sizes, taped};
use crate::{
    Activation, After, FeatureMaps, Statistics,
    cpu::{
        Path,
        norm::{self, Layer},
    },
};

pub(crate) fn batch_norm(
    x: FeatureMaps,
    gamma: Tensor<1>,
    beta: Tensor<1>,
    statistics: Statistics,
    epsilon: f64,
    after: After,
) -> (FeatureMaps, Option<(Tensor<1>, Tensor<1>)>) {
    let map = sizes(x.dims());
    let path = Path::chosen();
    let is_autodiff = x.is_autodiff();
    let of_batch = matches!(statistics, Statistics::OfBatch);
    let x = taped(x.channels_last());
    let values = dense(x.primitive().clone());
    let (mean, variance) = match statistics {
        Statistics::OfBatch => norm::statistics(path, numbers(&values), map),
        Statistics::Given(mean, variance) => {
            let [mean, variance] = [mean, variance].map(|given| dense(plain(given)));
            (numbers(&mean).to_vec(), numbers(&variance).to_vec())
        }
    };
    let (gamma, beta) = (taped(gamma), taped(beta));
    let affine = [&gamma, &beta].map(|tensor| dense(tensor.primitive().clone()));
    let residual = after.residual.map(|residual| taped(residual.channels_last()));
    let added = residual.as_ref().map(|tensor| dense(tensor.primitive().clone()));
    let scale_and_shift = [numbers(&affine[0]), numbers(&affine[1])];
    let mut layer = Layer::new(map, scale_and_shift, [&mean, &variance], epsilon);
    (layer.activation, layer.pool) = (after.activation, after.pool);
    let y = norm::apply(path, &layer, numbers(&values), added.as_ref().map(numbers));
    let y = maps(y, layer.output());
    let used = of_batch.then(|| {
        let of = |values: &Vec<f32>| {
            let statistic = Tensor::from_primitive::<Flex>(by_channel(values.clone()));
            if is_autodiff { statistic.autodiff() } else { statistic }
        };
        (of(&mean), of(&variance))
    });
    if !is_autodiff {
        return (FeatureMaps::of_channels_last(Tensor::from_primitive::<Flex>(y)), used);
    }
    let state = State { x: values, residual: added, layer, mean, variance, epsilon, of_batch };
    let inputs = [x.node(), gamma.node(), beta.node()];
    let y = match (inputs, residual) {
        (inputs, None) => recorded(NormBackward, inputs, state, y),
        ([x, gamma, beta], Some(residual)) => {
            recorded(NormBackward, [x, gamma, beta, residual.node()], state, y)
        }
    };
    (FeatureMaps::of_channels_last(Tensor::from_primitive::<Autodiff<Flex>>(y)), used)
}

pub(crate) fn max_pool_2x2(x: FeatureMaps) -> FeatureMaps {
    // A norm that changes nothing.
    let channels = x.dims()[1];
    let of = |value: f32| Tensor::<1>::from_primitive::<Flex>(by_channel(vec![value; channels]));
    let statistics = Statistics::Given(of(0.0), of(1.0));
    let after = After { residual: None, activation: Activation::Identity, pool: true };
    batch_norm(x, of(1.0), of(0.0), statistics, 0.0, after).0
}

#[derive(Debug)]
struct NormBackward;

#[derive(Debug, Clone)]
struct State {
    x: Plain,
    residual: Option<Plain>,
    layer: Layer,
    mean: Vec<f32>,
    variance: Vec<f32>,
    epsilon: f64,
    of_batch: bool,
}

impl Backward<Flex, 3> for NormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 3>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let [x, gamma, beta] = ops.parents.map(|node| node.map(|node| node.id));
        ops.state.register([x, gamma, beta, None], dy, grads);
    }
}

impl Backward<Flex, 4> for NormBackward {
    type State = State;

    fn backward(self, ops: Ops<State, 4>, grads: &mut Gradients, _: &mut Checkpointer) {
        let dy = grads.consume::<Flex>(&ops.node);
        let parents = ops.parents.map(|node| node.map(|node| node.id));
        ops.state.register(parents, dy, grads);
    }
}

impl State {
    fn register(&self, parents: [Option<NodeId>; 4], dy: Plain, grads: &mut Gradients) {
        let dy = dense(dy);
        let gradients = norm::gradients(
            Path::chosen(),
            &self.layer,
            numbers(&self.x),
            self.residual.as_ref().map(numbers),
            numbers(&dy),
            [&self.mean, &self.variance],
            self.epsilon,
            self.of_batch,
        );
        let map = self.layer.map;
        let [x, gamma, beta, residual] = parents;
        if let Some(id) = residual {
            let gradient = gradients.residual.map_or(dy, |values| maps(values, map));
            grads.register::<Flex>(id, gradient);
        }
        if let Some(id) = gamma {
            grads.register::<Flex>(id, by_channel(gradients.gamma));
        }
        if let Some(id) = beta {
            grads.register::<Flex>(id, by_channel(gradients.beta));
        }
        if let Some(id) = x {
            grads.register::<Flex>(id, maps(gradients.x, map));
        }
    }
}
