//! 3x3 convolutions at stride 1 by Winograd's minimal filtering (Lavin and Gray 2016,
//! arXiv:1509.09308): tiles of the map are transformed, multiplied position by position, and
//! transformed back.

pub(crate) mod forward;
pub(crate) mod gradient;
pub(crate) mod transform;
pub(crate) mod weights;

use super::map::Map;
pub(crate) use forward::forward;
pub(crate) use gradient::gradient;
pub(crate) use weights::pack;
pub(crate) use transform::{Four, Tiling, Two};

/// Which way weights are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From maps to outputs.
    Forward,
    /// From gradients of outputs to gradients of maps.
    Backward,
}

/// Where the tiles of a map lie.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    /// Tiles beside one another.
    across: usize,
    /// Tiles of one map.
    each: usize,
    /// Tiles of all maps.
    all: usize,
}

impl Tiles {
    fn new<T: Tiling>(map: Map) -> Self {
        let across = map.width.div_ceil(T::OUT);
        let each = across * map.height.div_ceil(T::OUT);
        Self { across, each, all: each * map.batch }
    }

    /// Map, first row and first column of a tile's output.
    #[inline(always)]
    fn place<T: Tiling>(&self, tile: usize) -> (usize, usize, usize) {
        let (image, tile) = (tile / self.each, tile % self.each);
        (image, tile / self.across * T::OUT, tile % self.across * T::OUT)
    }
}
