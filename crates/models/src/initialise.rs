//! Initial weights from a generator of the caller's: the same on every backend and machine.
//!
//! Convolutions and linear layers get weights and biases uniform in ±1/√fan_in, which is PyTorch's
//! default and Burn's. Scales and shifts of norms keep their ones and zeros.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Tensor, TensorData},
};
use rand_core::RngCore;

/// Draws all weights and biases of `module` anew, in the order of its fields.
pub fn initialise<M: Module>(module: M, rng: &mut impl RngCore) -> M {
    module.map(&mut Initialiser { rng, path: Vec::new(), bound: 0.0 })
}

struct Initialiser<'a, R> {
    rng: &'a mut R,
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
        match self.path.last().map(String::as_str) {
            // [inputs, outputs] of a linear layer, [outputs, inputs, height, width] of a convolution.
            Some("weight") => {
                let fan_in = if D == 2 { dims[0] } else { dims[1..].iter().product() };
                self.bound = 1.0 / (fan_in as f64).sqrt();
            }
            Some("bias") => {}
            _ => return param,
        }
        let unit = |bits: u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
        let mut draw = || ((2.0 * unit(self.rng.next_u64()) - 1.0) * self.bound) as f32;
        let values: Vec<f32> = (0..shape.num_elements()).map(|_| draw()).collect();
        let drawn = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        let id = param.id;
        param.transform_for_load(drawn, id)
    }
}
