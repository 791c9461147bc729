//! Initial weights from a generator of the caller's: the same on every backend and machine.
//!
//! Scales and shifts of norms keep their ones and zeros.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Tensor, TensorData},
};
use rand_core::RngCore;

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Initial {
    /// Weights and biases of convolutions and linear layers uniform in ±1/√fan_in: PyTorch's default
    /// and Burn's.
    Uniform,
    /// Convolutions uniform in ±√(6/fan_out), the rest as [`Uniform`](Self::Uniform): the variance of
    /// He et al. 2015, arXiv:1502.01852, as residual networks have it. The references draw from a
    /// normal distribution of that variance; a uniform one needs no logarithm, and so comes out the
    /// same on every machine.
    He,
}

/// Draws all weights and biases of `module` anew, in the order of its fields.
pub fn initialise<M: Module>(module: M, initial: Initial, rng: &mut impl RngCore) -> M {
    module.map(&mut Initialiser { rng, initial, path: Vec::new(), bound: 0.0 })
}

struct Initialiser<'a, R> {
    rng: &'a mut R,
    initial: Initial,
    path: Vec<String>,
    /// Of the last weight seen; its bias follows it.
    bound: f64,
}

impl<R: RngCore> ModuleMapper for Initialiser<'_, R> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        let dims: [usize; D] = shape.dims();
        let mut bound = self.bound;
        match self.path.last().map(String::as_str) {
            // [inputs, outputs] of a linear layer, [outputs, inputs, height, width] of a convolution.
            Some("weight") => {
                let fan_in = if D == 2 { dims[0] } else { dims[1..].iter().product() };
                self.bound = 1.0 / (fan_in as f64).sqrt();
                bound = self.bound;
                if D == 4 && self.initial == Initial::He {
                    let fan_out = dims[0] * dims[2] * dims[3];
                    bound = (6.0 / fan_out as f64).sqrt();
                }
            }
            Some("bias") => {}
            _ => return param,
        }
        let unit = |bits: u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
        let mut draw = || ((2.0 * unit(self.rng.next_u64()) - 1.0) * bound) as f32;
        let values: Vec<f32> = (0..shape.num_elements()).map(|_| draw()).collect();
        let drawn = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        let id = param.id;
        param.transform_for_load(drawn, id)
    }
}
