//! 3x3 convolutions at stride 1 by Winograd's minimal filtering (Lavin and Gray 2016,
//! arXiv:1509.09308): tiles of the map are transformed, multiplied position by position, and
//! transformed back.

pub(crate) mod forward;
pub(crate) mod gradient;
pub(crate) mod line;
pub(crate) mod transform;
pub(crate) mod weights;

use super::map::Map;
pub(crate) use forward::forward;
pub(crate) use gradient::gradient;
pub(crate) use transform::{Four, Tiling, Two};
pub(crate) use weights::pack;

/// Which way weights are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From maps to outputs.
    Forward,
    /// From gradients of outputs to gradients of maps.
    Backward,
}

/// Where the tiles of a map lie: in rows, which are never cut.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    /// Tiles of a row.
    across: usize,
    /// Rows of one map.
    down: usize,
    /// Rows of all maps.
    rows: usize,
}

impl Tiles {
    fn new<T: Tiling>(map: Map) -> Self {
        let down = map.height.div_ceil(T::OUT);
        Self { across: map.width.div_ceil(T::OUT), down, rows: down * map.batch }
    }

    /// Map and first row of the output of a row of tiles.
    #[inline(always)]
    fn place<T: Tiling>(&self, row: usize) -> (usize, usize) {
        (row / self.down, row % self.down * T::OUT)
    }

    /// Rows of about `budget / each` tiles, at most `most`: a whole number of register tiles, where
    /// that is possible.
    fn chunk(&self, budget: usize, each: usize, most: usize) -> usize {
        let tiles = (budget / each).clamp(1, most);
        let rows = (tiles / self.across).max(1);
        let fitting = (1..=rows).rev().find(|rows| (rows * self.across).is_multiple_of(ROWS));
        fitting.filter(|fitting| 2 * fitting > rows).unwrap_or(rows).min(self.rows)
    }
}

/// Rows of the widest register tile.
const ROWS: usize = 12;
