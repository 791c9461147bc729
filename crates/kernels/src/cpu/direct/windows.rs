//! The pixels that windows see, put together line by line.

use std::ops::Range;

use crate::cpu::{
    lanes::{LANES, Lanes},
    map::Map,
};

/// Windows over maps: for each place, the same taps.
#[derive(Clone, Copy)]
pub(super) struct Windows<'a> {
    pub(super) x: &'a [f32],
    pub(super) from: Map,
    /// Pixels between two places.
    pub(super) step: usize,
    /// Where a tap is, seen from the place, down and to the right.
    pub(super) taps: &'a [(isize, isize)],
    /// Numbers of a tap.
    pub(super) depth: usize,
    /// Rows and columns of places on each map.
    pub(super) places: (usize, usize),
}

impl Windows<'_> {
    /// Whether the windows are the pixels themselves, one behind the other.
    #[inline(always)]
    pub(super) fn are_pixels(&self) -> bool {
        let all = (self.from.height, self.from.width);
        *self.taps == [(0, 0)] && self.step == 1 && self.places == all
    }

    /// Map, row and column of a place.
    #[inline(always)]
    pub(super) fn place(&self, at: usize) -> [usize; 3] {
        let (rows, columns) = self.places;
        [at / (rows * columns), at / columns % rows, at % columns]
    }

    /// The place behind one.
    #[inline(always)]
    pub(super) fn next(&self, [image, row, column]: [usize; 3]) -> [usize; 3] {
        let (rows, columns) = self.places;
        match (row + 1 == rows, column + 1 == columns) {
            (_, false) => [image, row, column + 1],
            (false, true) => [image, row + 1, 0],
            (true, true) => [image + 1, 0, 0],
        }
    }

    /// Copies some taps of `count` windows from `first` on, and their channels from `channel` on:
    /// windows lie `line` numbers apart, which is a vector more than they have numbers.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. The windows are among the places and `taps` among the
    /// taps; from `channel` on, the pixel of each tap has `depth` numbers in `x`. `to` is writable,
    /// by this task alone, for `count` lines, and a line is as long as said.
    #[inline(always)]
    pub(super) unsafe fn copy<L: Lanes>(
        &self,
        (first, count): (usize, usize),
        taps: Range<usize>,
        channel: usize,
        (to, line): (*mut f32, usize),
    ) {
        let (from, depth) = (self.from, self.depth);
        let mut place = self.place(first);
        for at in 0..count {
            let [image, row, column] = place;
            let mut to = to.add(at * line);
            for (down, right) in self.taps.get_unchecked(taps.clone()) {
                let y = (row * self.step).wrapping_add_signed(*down);
                let x = (column * self.step).wrapping_add_signed(*right);
                // What is written beyond the tap, the next one overwrites.
                if y < from.height && x < from.width {
                    let pixel = self.x.as_ptr().add(from.at(image, y, x) + channel);
                    for lane in (0..depth).step_by(LANES) {
                        let values = L::load_some(pixel.add(lane), (depth - lane).min(LANES));
                        L::store(to.add(lane), values);
                    }
                } else {
                    for lane in (0..depth).step_by(LANES) {
                        L::store(to.add(lane), L::zero());
                    }
                }
                to = to.add(depth);
            }
            place = self.next(place);
        }
    }
}
