//! Gradients of the windows from maps and gradients of the outputs.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Tiles,
    forward::{transform_map, window},
    transform::Tiling,
};
use crate::cpu::{
    lanes::{LANES, Lanes},
    map::Map,
    path::{Kernel, Path},
    scratch::{self, Scratch},
    shared::Shared,
    tile::columns_by_rows,
};

/// Numbers of a sum of products that a core's second cache holds beside the tiles.
const LIGHT: usize = 192 * 1024;
/// Numbers of transformed tiles that a thread works on at a time.
const NEAR: usize = 96 * 1024;
/// The same where all threads share the tiles.
const FAR: usize = 8 * 1024 * 1024;
/// Sums of products that light windows are spread over. It does not depend on the threads, so that
/// the order of summation does not.
const GROUPS: usize = 16;

/// Gradient of the windows, `[outputs, inputs, 3, 3]`, from the map `x` and the gradient `dy` of the
/// output, `[batch, height, width, outputs]`.
pub(crate) fn gradient<T: Tiling>(
    path: Path,
    x: &[f32],
    map: Map,
    dy: &[f32],
    outputs: usize,
) -> Vec<f32> {
    let tiles = Tiles::new::<T>(map);
    let (deep, wide) = (map.channels.next_multiple_of(LANES), outputs.next_multiple_of(LANES));
    let zeros = vec![0.0; deep.max(wide)];
    let work = Work { x, dy, map, outputs, tiles, deep, wide, zeros: &zeros };
    let positions = T::IN * T::IN;
    let length = positions * map.channels * wide;
    let each = positions * (deep + wide);

    let light = length <= LIGHT;
    let near = (NEAR / each).clamp(4, 64);
    let groups = if light { GROUPS.min(tiles.all.div_ceil(near)) } else { 1 };
    let mut sums = Scratch::new(groups * length);
    let shared = Shared::new(&mut sums);
    if light {
        let share = tiles.all.div_ceil(groups);
        (0..groups).into_par_iter().for_each(|group| {
            let tiles = group * share..tiles.all.min((group + 1) * share);
            let mut room = Scratch::new(work.room::<T>(near));
            let room = Shared::new(&mut room);
            // SAFETY: each group has its own part of the sums.
            unsafe {
                let sums = shared.at(group * length);
                sums.write_bytes(0, length);
                path.run(Group::<T> { work: &work, tiles, near, room, sums, tiling: std::marker::PhantomData });
            }
        });
    } else {
        let rows = 32;
        let blocks = map.channels.div_ceil(rows);
        let chunk = (FAR / each).clamp(1, tiles.all);
        let mut room = Scratch::new(work.room::<T>(chunk));
        let room = Shared::new(&mut room);
        for start in (0..tiles.all).step_by(chunk) {
            let chunk = start..tiles.all.min(start + chunk);
            let part = chunk.len().div_ceil(64).max(4);
            (0..chunk.len().div_ceil(part)).into_par_iter().for_each(|at| {
                let part = at * part..chunk.len().min((at + 1) * part);
                // SAFETY: each task transforms its own tiles.
                unsafe { path.run(Transform::<T> { work: &work, chunk: chunk.clone(), part, room, tiling: std::marker::PhantomData }) };
            });
            (0..positions * blocks).into_par_iter().for_each(|job| {
                let (position, block) = (job / blocks, job % blocks);
                let rows = block * rows..map.channels.min((block + 1) * rows);
                // SAFETY: each task has its own rows of a position's sums.
                unsafe {
                    if start == 0 {
                        let at = (position * map.channels + rows.start) * wide;
                        shared.at(at).write_bytes(0, rows.len() * wide);
                    }
                    let sums = shared.at(0);
                    path.run(Multiply::<T> { work: &work, count: chunk.len(), position, rows, room, sums, tiling: std::marker::PhantomData });
                }
            });
        }
    }

    let mut windows = scratch::result(outputs * map.channels * 9);
    let out = Shared::new(&mut windows);
    (0..wide / LANES).into_par_iter().for_each(|block| {
        let columns = block * LANES..outputs.min((block + 1) * LANES);
        // SAFETY: each task writes the windows of its own outputs.
        unsafe { path.run(Windows::<T> { work: &work, groups, sums: &sums, columns, out, tiling: std::marker::PhantomData }) };
    });
    windows
}

struct Work<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    map: Map,
    outputs: usize,
    tiles: Tiles,
    /// Channels of the map, filled up to whole vectors.
    deep: usize,
    /// Outputs, filled up to whole vectors.
    wide: usize,
    zeros: &'a [f32],
}

impl Work<'_> {
    /// Numbers between two positions of `count` tiles of `width` channels; see `forward`.
    #[inline(always)]
    fn stride(count: usize, width: usize) -> usize {
        count * width + LANES
    }

    fn room<T: Tiling>(&self, count: usize) -> usize {
        T::IN * T::IN * (Self::stride(count, self.deep) + Self::stride(count, self.wide))
    }

    /// Where the transformed gradients begin, behind the maps.
    #[inline(always)]
    fn second<T: Tiling>(&self, count: usize) -> usize {
        T::IN * T::IN * Self::stride(count, self.deep)
    }

    /// Transforms tiles `part` of `chunk`, both sides.
    #[inline(always)]
    unsafe fn transform<T: Tiling, L: Lanes>(&self, chunk: &Range<usize>, part: Range<usize>, room: Shared) {
        unsafe {
            let count = chunk.len();
            let outs = Map { channels: self.outputs, ..self.map };
            for tile in part {
                let place = self.tiles.place::<T>(chunk.start + tile);
                let pixels = window::<T>(self.x, self.map, place, self.zeros);
                for channel in (0..self.map.channels).step_by(LANES) {
                    let lanes = (self.map.channels - channel).min(LANES);
                    let to = room.at(tile * self.deep + channel);
                    transform_map::<T, L>(&pixels, channel, lanes, to, Self::stride(count, self.deep));
                }
                let pixels = outputs::<T>(self.dy, outs, place, self.zeros);
                for channel in (0..self.outputs).step_by(LANES) {
                    let lanes = (self.outputs - channel).min(LANES);
                    let to = room.at(self.second::<T>(count) + tile * self.wide + channel);
                    transform_gradient::<T, L>(&pixels, channel, lanes, to, Self::stride(count, self.wide));
                }
            }
        }
    }

    /// Adds the products of `count` tiles at one position to rows of the sums.
    #[inline(always)]
    unsafe fn multiply<T: Tiling, L: Lanes>(&self, count: usize, position: usize, rows: Range<usize>, room: Shared, sums: *mut f32) {
        unsafe {
            let maps = room.at(position * Self::stride(count, self.deep) + rows.start);
            let gradients = room.at(self.second::<T>(count) + position * Self::stride(count, self.wide));
            let sums = sums.add((position * self.map.channels + rows.start) * self.wide);
            columns_by_rows::<L>(
                count,
                (maps, self.deep),
                (gradients, self.wide),
                rows.len(),
                self.wide,
                (sums, self.wide),
            );
        }
    }
}

/// Tiles of one sum, a cacheful at a time.
struct Group<'a, T> {
    work: &'a Work<'a>,
    tiles: Range<usize>,
    near: usize,
    room: Shared,
    sums: *mut f32,
    tiling: std::marker::PhantomData<T>,
}

impl<T: Tiling> Kernel for Group<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            let Self { work, tiles, near, room, sums, .. } = self;
            let mut start = tiles.start;
            while start < tiles.end {
                let chunk = start..tiles.end.min(start + near);
                work.transform::<T, L>(&chunk, 0..chunk.len(), room);
                for position in 0..T::IN * T::IN {
                    let rows = 0..work.map.channels;
                    work.multiply::<T, L>(chunk.len(), position, rows, room, sums);
                }
                start = chunk.end;
            }
        }
    }
}

struct Transform<'a, T> {
    work: &'a Work<'a>,
    chunk: Range<usize>,
    part: Range<usize>,
    room: Shared,
    tiling: std::marker::PhantomData<T>,
}

impl<T: Tiling> Kernel for Transform<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe { self.work.transform::<T, L>(&self.chunk, self.part, self.room) }
    }
}

struct Multiply<'a, T> {
    work: &'a Work<'a>,
    count: usize,
    position: usize,
    rows: Range<usize>,
    room: Shared,
    sums: *mut f32,
    tiling: std::marker::PhantomData<T>,
}

impl<T: Tiling> Kernel for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            self.work.multiply::<T, L>(self.count, self.position, self.rows, self.room, self.sums);
        }
    }
}

/// Adds up the groups and transforms back: Gᵀ U G for sixteen outputs at a time.
struct Windows<'a, T> {
    work: &'a Work<'a>,
    groups: usize,
    sums: &'a [f32],
    columns: Range<usize>,
    out: Shared,
    tiling: std::marker::PhantomData<T>,
}

impl<T: Tiling> Kernel for Windows<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            let (inputs, wide) = (self.work.map.channels, self.work.wide);
            let length = T::IN * T::IN * inputs * wide;
            for input in 0..inputs {
                let zero = L::zero();
                let mut half = [[zero; 6]; 6];
                for x in 0..T::IN {
                    let mut line = [zero; 6];
                    for y in 0..T::IN {
                        let position = y * T::IN + x;
                        let at = (position * inputs + input) * wide + self.columns.start;
                        let mut sum = L::load(self.sums.as_ptr().add(at));
                        for group in 1..self.groups {
                            sum = L::add(sum, L::load(self.sums.as_ptr().add(group * length + at)));
                        }
                        line[y] = sum;
                    }
                    half[x] = T::window_gradient::<L>(line);
                }
                let mut taps = [[0.0_f32; LANES]; 9];
                for y in 0..3 {
                    let mut line = [zero; 6];
                    for x in 0..T::IN {
                        line[x] = half[x][y];
                    }
                    let line = T::window_gradient::<L>(line);
                    for x in 0..3 {
                        L::store(taps[3 * y + x].as_mut_ptr(), line[x]);
                    }
                }
                for (lane, output) in self.columns.clone().enumerate() {
                    let to = self.out.at((output * inputs + input) * 9);
                    for (tap, line) in taps.iter().enumerate() {
                        *to.add(tap) = line[lane];
                    }
                }
            }
        }
    }
}

/// Pointers to the pixels of a tile's output, those beyond the map to zeros.
#[inline(always)]
unsafe fn outputs<T: Tiling>(
    dy: &[f32],
    map: Map,
    (image, top, left): (usize, usize, usize),
    zeros: &[f32],
) -> [*const f32; 16] {
    unsafe {
        let mut pixels = [zeros.as_ptr(); 16];
        for row in 0..T::OUT.min(map.height - top) {
            for column in 0..T::OUT.min(map.width - left) {
                let at = map.at(image, top + row, left + column);
                pixels[row * T::OUT + column] = dy.as_ptr().add(at);
            }
        }
        pixels
    }
}

/// A y Aᵀ of sixteen channels, stored position by position.
#[inline(always)]
unsafe fn transform_gradient<T: Tiling, L: Lanes>(
    pixels: &[*const f32; 16],
    channel: usize,
    count: usize,
    to: *mut f32,
    stride: usize,
) {
    unsafe {
        let zero = L::zero();
        let mut half = [[zero; 6]; 4];
        for x in 0..T::OUT {
            let mut line = [zero; 6];
            for y in 0..T::OUT {
                line[y] = L::load_some(pixels[y * T::OUT + x].add(channel), count);
            }
            half[x] = T::gradient::<L>(line);
        }
        for y in 0..T::IN {
            let mut line = [zero; 6];
            for x in 0..T::OUT {
                line[x] = half[x][y];
            }
            let line = T::gradient::<L>(line);
            for x in 0..T::IN {
                L::store(to.add((y * T::IN + x) * stride), line[x]);
            }
        }
    }
}
