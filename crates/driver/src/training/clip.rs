//! Gradient clipping by the norm over all parameters: Pascanu et al. 2013, arXiv:1211.5063, as
//! PyTorch's `clip_grad_norm_` computes it. Burn's own clipping works on each parameter alone.

use burn::{
    module::{Module, ModuleVisitor, Param},
    optim::GradientsParams,
    tensor::Tensor,
};

/// Scales all gradients of `module` so that their common norm is at most `max_norm`. Nothing is read
/// back from the device.
pub(crate) fn clip_by_global_norm<M: Module>(
    gradients: &mut GradientsParams,
    module: &M,
    max_norm: f64,
) {
    let Some(norm) = global_norm(gradients, module) else { return };
    scale(gradients, module, (norm + 1e-6).recip().mul_scalar(max_norm).clamp_max(1.0));
}

/// Multiplies all gradients of `module`.
pub(crate) fn scale<M: Module>(gradients: &mut GradientsParams, module: &M, scale: Tensor<1>) {
    module.visit(&mut Scale { gradients, scale });
}

/// Norm over all gradients of `module`, `[1]`, on the device; none where it has none.
pub(crate) fn global_norm<M: Module>(gradients: &GradientsParams, module: &M) -> Option<Tensor<1>> {
    let mut sum = SumOfSquares { gradients, sum: None };
    module.visit(&mut sum);
    sum.sum.map(Tensor::sqrt)
}

struct SumOfSquares<'a> {
    gradients: &'a GradientsParams,
    sum: Option<Tensor<1>>,
}

impl ModuleVisitor for SumOfSquares<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let square = gradient.powi_scalar(2).sum();
            self.sum = Some(match self.sum.take() {
                Some(sum) => sum + square,
                None => square,
            });
        }
    }
}

struct Scale<'a> {
    gradients: &'a mut GradientsParams,
    scale: Tensor<1>,
}

impl ModuleVisitor for Scale<'_> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.remove::<D>(param.id) {
            let scaled = gradient * self.scale.clone().reshape([1; D]);
            self.gradients.register(param.id, scaled);
        }
    }
}

#[cfg(test)]
mod tests {
    use burn::nn::LinearConfig;
    use burn::tensor::Device;
    use distill_testkit::{relative_l2, values};

    use super::*;

    #[test]
    fn the_common_norm_is_bounded_and_the_direction_kept() {
        let device = Device::flex().autodiff();
        let layer = LinearConfig::new(3, 2).init(&device);
        let input = Tensor::<2>::ones([4, 3], &device);
        let gradients = || {
            let loss = layer.forward(input.clone()).powi_scalar(2).sum();
            GradientsParams::from_grads(loss.backward(), &layer)
        };
        let flat = |gradients: &GradientsParams| {
            let weight = values(gradients.get::<2>(layer.weight.id).unwrap());
            let bias = layer.bias.as_ref().unwrap().id;
            [weight, values(gradients.get::<1>(bias).unwrap())].concat()
        };
        let norm = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let before = flat(&gradients());
        for max_norm in [norm(&before) / 10.0, norm(&before) * 10.0] {
            let mut clipped = gradients();
            clip_by_global_norm(&mut clipped, &layer, max_norm);
            let after = flat(&clipped);
            let scale = (max_norm / norm(&before)).min(1.0);
            let expected: Vec<f64> = before.iter().map(|value| value * scale).collect();
            assert!(relative_l2(&after, &expected) < 1e-5);
        }
    }
}
