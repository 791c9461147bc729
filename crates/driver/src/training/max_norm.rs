//! A bound on the weights into each unit: Hinton et al. 2012, arXiv:1207.0580, section 2 and appendix A.1, and
//! Srivastava et al. 2014, section 5.1. As there a bound and not a penalty: weights grow freely below it.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::Tensor,
};

/// Scales the weights into each unit of every linear layer so that their Euclidean norm is at most `max_norm`.
/// Biases, convolutions and norms stay as they are.
pub(crate) fn bound_weights<M: Module>(module: M, max_norm: f64) -> M {
    module.map(&mut Bound(max_norm))
}

struct Bound(f64);

impl ModuleMapper for Bound {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D != 2 {
            return param;
        }
        // A linear layer's weights are `[inputs, units]`.
        param.map(|weight| {
            let (tracked, plain) = (weight.is_require_grad(), weight.without_autodiff());
            let norm = plain.clone().powi_scalar(2).sum_dim(0).sqrt();
            let bounded = plain * (norm.clamp_min(1e-12).recip().mul_scalar(self.0)).clamp_max(1.0);
            bounded.autodiff().set_require_grad(tracked)
        })
    }
}

#[cfg(test)]
mod tests {
    use burn::{nn::LinearConfig, tensor::Device};
    use distill_testkit::values;

    use super::*;

    #[test]
    fn long_columns_are_cut_and_short_ones_stay() {
        let device = Device::flex().autodiff();
        let mut layer = LinearConfig::new(2, 3).init(&device);
        let weights = Tensor::<2>::from_data([[3.0, 0.3, 0.0], [4.0, 0.4, 0.0]], &device);
        layer.weight = layer.weight.map(|_| weights.clone().require_grad());
        let bias = values(layer.bias.as_ref().unwrap().val());
        let bounded = bound_weights(layer.clone(), 1.0);
        let found = values(bounded.weight.val());
        for (got, expected) in found.iter().zip([0.6, 0.3, 0.0, 0.8, 0.4, 0.0]) {
            assert!((got - expected).abs() < 1e-6, "{found:?}");
        }
        assert_eq!(values(bounded.bias.as_ref().unwrap().val()), bias);
        assert_eq!(bounded.weight.id, layer.weight.id);
        assert!(bounded.weight.val().is_require_grad(), "it still learns");
    }
}
