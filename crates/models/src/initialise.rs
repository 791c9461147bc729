//! Initial weights from a generator of the caller's: the same on every backend and machine.
//!
//! Scales and shifts of norms keep their ones and zeros.

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Tensor, TensorData},
};
use rand_core::RngCore;

use crate::{Network, graph::Draw, state::Entry};

/// How weights are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Initial {
    /// Weights and biases of convolutions and linear layers uniform in ±1/√fan_in: PyTorch's default
    /// and Burn's.
    Uniform,
    /// Convolutions uniform in ±√(6/fan_out), the rest as [`Uniform`](Self::Uniform): the variance of
    /// He et al. 2015, arXiv:1502.01852, as residual networks have it. The references draw from a
    /// normal distribution of that variance; a uniform one needs no logarithm, and so comes out the
    /// same on every machine.
    He,
}

/// Draws all weights and biases anew, in the order of the layers, and gives each parameter the
/// identity of its name.
pub(crate) fn initialise(network: Network, initial: Initial, rng: &mut impl RngCore) -> Network {
    let entries = network.graph().entries().into_iter();
    network.map(&mut Initialiser { rng, initial, entries })
}

struct Initialiser<'a, R, I> {
    rng: &'a mut R,
    initial: Initial,
    entries: I,
}

impl<R: RngCore, I: Iterator<Item = Entry>> ModuleMapper for Initialiser<'_, R, I> {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let entry = self.entries.next().expect("the graph has every parameter of its module");
        let bound = match (entry.draw, self.initial) {
            (Draw::Window { fan_out, .. }, Initial::He) => (6.0 / fan_out as f64).sqrt(),
            (Draw::Window { fan_in, .. } | Draw::Uniform { fan_in }, _) => {
                1.0 / (fan_in as f64).sqrt()
            }
            (Draw::Constant | Draw::Statistic, _) => {
                let value = param.val();
                return param.transform_for_load(value, entry.id());
            }
        };
        let shape = param.lazy_shape();
        let mut values = Vec::with_capacity(shape.num_elements());
        for _ in 0..shape.num_elements() {
            let unit = (self.rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            values.push(((2.0 * unit - 1.0) * bound) as f32);
        }
        let drawn = Tensor::from_data(TensorData::new(values, shape), &param.lazy_device());
        param.transform_for_load(drawn, entry.id())
    }
}
