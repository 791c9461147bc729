//! Dropout.

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops, unary},
        },
    },
    tensor::{DType, Device, Distribution, Int, Tensor},
};

use super::{Plain, dense, maps, numbers, recorded, sizes, taped};
use crate::{
    FeatureMaps,
    cpu::{dropout::Mask, map::Map},
};

pub(crate) fn dropout(x: FeatureMaps, probability: f64) -> FeatureMaps {
    let map = sizes(x.dims());
    let x = taped(x.channels_last());
    let node = x.node();
    let dropped = Dropped { map, mask: Mask::new(seed(), probability) };
    let y = dropped.of(x.into_primitive());
    let y = recorded(DropoutBackward, [node], dropped, y);
    FeatureMaps::of_channels_last(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

/// A number of the device's own generator, which a training loop seeds.
fn seed() -> u64 {
    let seed = Tensor::<1, Int>::random([1], Distribution::Default, (&Device::flex(), DType::U64));
    seed.into_data().as_slice().expect("a number of this type")[0]
}

#[derive(Debug)]
struct DropoutBackward;

#[derive(Debug, Clone, Copy)]
struct Dropped {
    map: Map,
    mask: Mask,
}

impl Backward<Flex, 1> for DropoutBackward {
    type State = Dropped;

    fn backward(self, ops: Ops<Dropped, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, grads, |dy| ops.state.of(dy));
    }
}

impl Dropped {
    fn of(&self, x: Plain) -> Plain {
        maps(self.mask.apply(numbers(&dense(x))), self.map)
    }
}
