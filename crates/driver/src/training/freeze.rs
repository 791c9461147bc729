//! Frozen layers: in the first epochs of a fine-tuning the last layer alone is trained.

use std::collections::HashSet;

use burn::{
    module::{Module, ModuleVisitor, Param, ParamId},
    optim::GradientsParams,
    tensor::Tensor,
};
use distill_models::Network;

/// Takes the gradients of all layers of `network` but the last one away: the optimizer leaves these, and their state,
/// as they are.
pub(super) fn freeze_body(gradients: &mut GradientsParams, network: &Network) {
    let frozen: HashSet<ParamId> = network.body().into_iter().collect();
    network.visit(&mut Freeze { gradients, frozen });
}

struct Freeze<'a> {
    gradients: &'a mut GradientsParams,
    frozen: HashSet<ParamId>,
}

impl ModuleVisitor for Freeze<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if self.frozen.contains(&param.id) {
            self.gradients.remove::<D>(param.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use distill_datasets::keyed::{KeyedRng, Operation};
    use distill_models::{Architecture, Overrides, Signature};

    use super::*;
    use crate::training::clip::global_norm;

    #[test]
    fn the_last_layer_alone_keeps_its_gradients() {
        let device = Device::flex().autodiff();
        let signature = Signature::images([3, 8, 8], 4);
        let overrides = Overrides { blocks: Some(vec![vec![2], vec![3]]), ..Default::default() };
        let network = Architecture::named("vgg-small", overrides).unwrap();
        let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
        let network = network.init(&signature, &mut rng, &device).unwrap().train();
        let loss = network.forward(Tensor::<4>::ones([2, 3, 8, 8], &device)).powi_scalar(2).sum();
        let mut gradients = GradientsParams::from_grads(loss.backward(), &network);
        let (all, before) = (gradients.len(), global_norm(&gradients, &network).unwrap());
        freeze_body(&mut gradients, &network);
        assert_eq!(gradients.len(), 2, "weight and bias of {all}");
        let after: f32 = global_norm(&gradients, &network).unwrap().into_scalar();
        assert!(after > 0.0 && after <= before.into_scalar::<f32>());
    }
}
