//! The pieces that passes over maps are cut into. A unit fits the first cache, so that its channels
//! can be walked through one vector after the other; a block is what a task takes.

use std::ops::Range;

use crate::cpu::map::Map;

/// Numbers of a unit.
const UNIT: usize = 4096;
/// Blocks at most. It does not depend on the threads, so that the order of summation does not.
const BLOCKS: usize = 64;

/// Pixels cut into units and units into blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Units {
    /// Pixels of a unit.
    pub(super) pixels: usize,
    /// Pixels in all.
    all: usize,
    /// Units of a block.
    share: usize,
}

impl Units {
    pub(super) fn new(map: Map) -> Self {
        let pixels = (UNIT / map.channels.max(1)).clamp(8, 128);
        let share = map.pixels().div_ceil(pixels).div_ceil(BLOCKS).max(1);
        Self { pixels, all: map.pixels(), share }
    }

    pub(super) fn blocks(&self) -> usize {
        self.all.div_ceil(self.pixels).div_ceil(self.share)
    }

    /// The units of a block, as ranges of pixels.
    #[inline(always)]
    pub(super) fn of(self, block: usize) -> impl Iterator<Item = Range<usize>> {
        let first = block * self.share;
        let last = (first + self.share).min(self.all.div_ceil(self.pixels));
        (first..last).map(move |unit| unit * self.pixels..self.all.min((unit + 1) * self.pixels))
    }
}

/// The rows of pooled maps, in blocks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rows {
    all: usize,
    share: usize,
}

impl Rows {
    /// Of all maps, pairs of rows; a last odd row counts as one.
    pub(super) fn new(map: Map) -> Self {
        let all = map.batch * map.height.div_ceil(2);
        Self { all, share: all.div_ceil(BLOCKS).max(1) }
    }

    pub(super) fn blocks(&self) -> usize {
        self.all.div_ceil(self.share)
    }

    #[inline(always)]
    pub(super) fn of(self, block: usize) -> Range<usize> {
        block * self.share..self.all.min((block + 1) * self.share)
    }
}
