//! The parameter-free shortcut.

use burn::{
    backend::{
        Autodiff, Flex,
        autodiff::{
            checkpoint::base::Checkpointer,
            grads::Gradients,
            ops::{Backward, Ops, unary},
        },
    },
    tensor::Tensor,
};

use super::{Plain, dense, maps, numbers, recorded, sizes, taped};
use crate::{
    FeatureMaps,
    cpu::{Numbers, map::Map},
};

pub(crate) fn pad_shortcut(
    x: FeatureMaps,
    stride: usize,
    before: usize,
    after: usize,
) -> FeatureMaps {
    let map = sizes(x.dims());
    let is_autodiff = x.is_autodiff();
    let x = taped(x.channels_last());
    let node = x.node();
    let shortcut = Shortcut { map, stride, before, after };
    let y = shortcut.forward(&dense(x.into_primitive()));
    if !is_autodiff {
        return FeatureMaps::of_channels_last(Tensor::from_primitive::<Flex>(y));
    }
    let y = recorded(ShortcutBackward, [node], shortcut, y);
    FeatureMaps::of_channels_last(Tensor::from_primitive::<Autodiff<Flex>>(y))
}

#[derive(Debug)]
struct ShortcutBackward;

#[derive(Debug, Clone, Copy)]
struct Shortcut {
    map: Map,
    stride: usize,
    before: usize,
    after: usize,
}

impl Backward<Flex, 1> for ShortcutBackward {
    type State = Shortcut;

    fn backward(self, ops: Ops<Shortcut, 1>, grads: &mut Gradients, _: &mut Checkpointer) {
        unary::<Flex, _>(ops.parents, ops.node, grads, |dy| ops.state.backward(&dense(dy)));
    }
}

impl Shortcut {
    fn output(&self) -> Map {
        let side = |side: usize| side.div_ceil(self.stride);
        Map {
            batch: self.map.batch,
            height: side(self.map.height),
            width: side(self.map.width),
            channels: self.before + self.map.channels + self.after,
        }
    }

    fn forward(&self, x: &Plain) -> Plain {
        let (x, out) = (numbers(x), self.output());
        let mut y = Numbers::zeros(out.length());
        self.each(|from, to| {
            y[to..to + self.map.channels].copy_from_slice(&x[from..from + self.map.channels]);
        });
        maps(y, out)
    }

    fn backward(&self, dy: &Plain) -> Plain {
        let dy = numbers(dy);
        let mut dx = Numbers::zeros(self.map.length());
        self.each(|to, from| {
            dx[to..to + self.map.channels].copy_from_slice(&dy[from..from + self.map.channels]);
        });
        maps(dx, self.map)
    }

    /// Calls `f` with where a kept pixel lies in the maps and in the output.
    fn each(&self, mut f: impl FnMut(usize, usize)) {
        let out = self.output();
        for image in 0..out.batch {
            for y in 0..out.height {
                for x in 0..out.width {
                    let from = self.map.at(image, y * self.stride, x * self.stride);
                    f(from, out.at(image, y, x) + self.before);
                }
            }
        }
    }
}
