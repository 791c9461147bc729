//! The sizes of a convolution.

use super::map::Map;

/// A square convolution with as much padding on each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) inputs: usize,
    pub(crate) outputs: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    pub(crate) padding: usize,
    pub(crate) groups: usize,
}

impl Shape {
    /// The maps that come out.
    pub(crate) fn output(&self, map: Map) -> Map {
        let side = |side: usize| (side + 2 * self.padding - self.kernel) / self.stride + 1;
        Map {
            batch: map.batch,
            height: side(map.height),
            width: side(map.width),
            channels: self.outputs,
        }
    }

    pub(crate) fn is_depthwise(&self) -> bool {
        self.groups == self.inputs && self.groups == self.outputs && self.groups > 1
    }
}
