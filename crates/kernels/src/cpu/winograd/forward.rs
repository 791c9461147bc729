//! Maps to outputs; and, with weights packed backward, gradients of outputs to gradients of maps.

use std::ops::Range;

use rayon::prelude::*;

use super::{Tiles, transform::Tiling};
use crate::cpu::{
    finish::Finish,
    lanes::{LANES, Lanes},
    map::Map,
    panels::Panels,
    path::{Kernel, Path},
    scratch::{self, Scratch},
    shared::Shared,
    tile::rows_by_panel,
};

/// Numbers of transformed tiles that stay in a core's second cache beside the weights.
const NEAR: usize = 96 * 1024;
/// Numbers of transformed weights beyond which they are walked through once for many tiles.
const HEAVY: usize = 512 * 1024;
/// Numbers of transformed tiles at most when the weights are heavy.
const FAR: usize = 8 * 1024 * 1024;

/// 3x3 convolution of `x` with `packed` weights (see [`pack`](super::weights::pack)): zeros around
/// the map, as many pixels out as in.
pub(crate) fn forward<T: Tiling>(
    path: Path,
    x: &[f32],
    map: Map,
    packed: &[f32],
    outputs: usize,
    finish: &Finish<'_>,
) -> Vec<f32> {
    let tiles = Tiles::new::<T>(map);
    let panels = Panels::new(path, map.channels, outputs);
    let mut y = scratch::result(map.pixels() * outputs);
    let shape = Shape { map, tiles, panels, outputs };
    let out = Shared::new(&mut y);
    let zeros = vec![0.0; shape.deep()];
    let each = T::IN * T::IN * (shape.deep() + panels.padded);
    let heavy = T::IN * T::IN * panels.length() > HEAVY;
    if heavy {
        // The weights are read once for many tiles: every stage is shared among the threads.
        let chunk = (FAR / each).clamp(1, tiles.all);
        for start in (0..tiles.all).step_by(chunk) {
            let chunk = start..tiles.all.min(start + chunk);
            let mut room = Scratch::new(shape.room::<T>(chunk.len()));
            let task = Chunk { shape, x, zeros: &zeros, packed, finish, room: Shared::new(&mut room), out, chunk: chunk.clone() };
            let group = chunk.len().div_ceil(64).max(4);
            let groups = chunk.len().div_ceil(group);
            let part = |at: usize| at * group..chunk.len().min((at + 1) * group);
            let run = |step| {
                // SAFETY: the parts of a stage are disjoint, and a stage ends before the next one.
                unsafe { path.run(Stage::<T> { task: &task, step, tiling: std::marker::PhantomData }) }
            };
            (0..groups).into_par_iter().for_each(|at| run(Step::Map(part(at))));
            let jobs = T::IN * T::IN * panels.count();
            (0..jobs).into_par_iter().for_each(|job| run(Step::Multiply(job / panels.count(), job % panels.count()..job % panels.count() + 1)));
            (0..groups).into_par_iter().for_each(|at| run(Step::Output(part(at))));
        }
    } else {
        // Each thread takes tiles through all stages while they are in its cache.
        let chunk = (NEAR / each).clamp(4, 64).min(tiles.all);
        (0..tiles.all.div_ceil(chunk)).into_par_iter().for_each(|at| {
            let chunk = at * chunk..tiles.all.min((at + 1) * chunk);
            let count = chunk.len();
            let mut room = Scratch::new(shape.room::<T>(count));
            let task = Chunk { shape, x, zeros: &zeros, packed, finish, room: Shared::new(&mut room), out, chunk };
            // SAFETY: the chunk's outputs are written by this task alone.
            unsafe { path.run(Stage::<T> { task: &task, step: Step::All(count), tiling: std::marker::PhantomData }) };
        });
    }
    y
}

#[derive(Clone, Copy)]
struct Shape {
    map: Map,
    tiles: Tiles,
    panels: Panels,
    outputs: usize,
}

impl Shape {
    /// Channels of the map, filled up to whole vectors.
    #[inline(always)]
    fn deep(&self) -> usize {
        self.map.channels.next_multiple_of(LANES)
    }

    /// Numbers between two positions of `count` transformed tiles of `width` channels. A line more
    /// than needed, or all positions of a tile would fall into one set of the first cache.
    #[inline(always)]
    fn stride(count: usize, width: usize) -> usize {
        count * width + LANES
    }

    fn room<T: Tiling>(&self, count: usize) -> usize {
        let both = Self::stride(count, self.deep()) + Self::stride(count, self.panels.padded);
        T::IN * T::IN * both
    }
}

/// Tiles that go through the stages together.
struct Chunk<'a> {
    shape: Shape,
    x: &'a [f32],
    zeros: &'a [f32],
    packed: &'a [f32],
    finish: &'a Finish<'a>,
    room: Shared,
    out: Shared,
    chunk: Range<usize>,
}

enum Step {
    /// Transform these tiles of the chunk.
    Map(Range<usize>),
    /// Multiply one position by these panels.
    Multiply(usize, Range<usize>),
    /// Transform these tiles back.
    Output(Range<usize>),
    /// All stages for this many tiles.
    All(usize),
}

struct Stage<'a, T> {
    task: &'a Chunk<'a>,
    step: Step,
    tiling: std::marker::PhantomData<T>,
}

impl<T: Tiling> Kernel for Stage<'_, T> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            let task = self.task;
            match self.step {
                Step::Map(tiles) => task.map::<T, L>(tiles),
                Step::Multiply(position, panels) => task.multiply::<T, L>(position, panels),
                Step::Output(tiles) => task.output::<T, L>(tiles),
                Step::All(count) => {
                    task.map::<T, L>(0..count);
                    for position in 0..T::IN * T::IN {
                        task.multiply::<T, L>(position, 0..task.shape.panels.count());
                    }
                    task.output::<T, L>(0..count);
                }
            }
        }
    }
}

impl Chunk<'_> {
    /// Where the products begin, behind the transformed tiles.
    #[inline(always)]
    fn products<T: Tiling>(&self) -> usize {
        T::IN * T::IN * Shape::stride(self.chunk.len(), self.shape.deep())
    }

    #[inline(always)]
    unsafe fn map<T: Tiling, L: Lanes>(&self, tiles: Range<usize>) {
        unsafe {
            let (map, deep) = (self.shape.map, self.shape.deep());
            let stride = Shape::stride(self.chunk.len(), deep);
            for tile in tiles {
                let place = self.shape.tiles.place::<T>(self.chunk.start + tile);
                let pixels = window::<T>(self.x, map, place, self.zeros);
                for channel in (0..map.channels).step_by(LANES) {
                    let count = (map.channels - channel).min(LANES);
                    let tile = transform_map::<T, L>(&pixels, channel, count, self.room.at(tile * deep + channel), stride);
                    let () = tile;
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn multiply<T: Tiling, L: Lanes>(&self, position: usize, panels: Range<usize>) {
        unsafe {
            let (count, deep) = (self.chunk.len(), self.shape.deep());
            let all = self.shape.panels;
            let tiles = self.room.at(position * Shape::stride(count, deep));
            let products = self.room.at(self.products::<T>() + position * Shape::stride(count, all.padded));
            for panel in panels {
                let weights = self.packed.as_ptr().add(position * all.length() + all.start(panel));
                for row in (0..count).step_by(L::ROWS) {
                    let mut rows = [tiles.cast_const(); 16];
                    let mut outs = [products; 16];
                    let rest = (count - row).min(L::ROWS);
                    for at in 0..rest {
                        rows[at] = tiles.add((row + at) * deep);
                        outs[at] = products.add((row + at) * all.padded + panel * all.width);
                    }
                    rows_by_panel::<L>(all.depth, &rows, weights, all.columns(panel), rest, &outs);
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn output<T: Tiling, L: Lanes>(&self, tiles: Range<usize>) {
        unsafe {
            let Shape { map, outputs, panels, .. } = self.shape;
            let stride = Shape::stride(self.chunk.len(), panels.padded);
            let products = self.room.at(self.products::<T>());
            for tile in tiles {
                let (image, top, left) = self.shape.tiles.place::<T>(self.chunk.start + tile);
                for channel in (0..outputs).step_by(LANES) {
                    let count = (outputs - channel).min(LANES);
                    let from = products.add(tile * panels.padded + channel);
                    let mut half = [[L::zero(); 6]; 6];
                    for x in 0..T::IN {
                        let mut line = [L::zero(); 6];
                        for y in 0..T::IN {
                            line[y] = L::load(from.add((y * T::IN + x) * stride));
                        }
                        half[x] = T::output::<L>(line);
                    }
                    for y in 0..T::OUT {
                        let mut line = [L::zero(); 6];
                        for x in 0..T::IN {
                            line[x] = half[x][y];
                        }
                        let line = T::output::<L>(line);
                        if top + y < map.height {
                            for x in 0..T::OUT {
                                if left + x < map.width {
                                    let at = ((image * map.height + top + y) * map.width + left + x) * outputs + channel;
                                    let value = self.finish.apply::<L>(line[x], channel, at, count);
                                    L::store_some(self.out.at(at), count, value);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Pointers to the pixels of a tile's window, those beyond the map to zeros.
#[inline(always)]
pub(super) unsafe fn window<T: Tiling>(
    x: &[f32],
    map: Map,
    (image, top, left): (usize, usize, usize),
    zeros: &[f32],
) -> [*const f32; 36] {
    unsafe {
        let mut pixels = [zeros.as_ptr(); 36];
        for row in 0..T::IN {
            let y = (top + row).wrapping_sub(1);
            if y < map.height {
                for column in 0..T::IN {
                    let at = (left + column).wrapping_sub(1);
                    if at < map.width {
                        pixels[row * T::IN + column] = x.as_ptr().add(map.at(image, y, at));
                    }
                }
            }
        }
        pixels
    }
}

/// Bᵀ d B of sixteen channels, stored position by position.
#[inline(always)]
pub(super) unsafe fn transform_map<T: Tiling, L: Lanes>(
    pixels: &[*const f32; 36],
    channel: usize,
    count: usize,
    to: *mut f32,
    stride: usize,
) {
    unsafe {
        let mut half = [[L::zero(); 6]; 6];
        for x in 0..T::IN {
            let mut line = [L::zero(); 6];
            for y in 0..T::IN {
                line[y] = L::load_some(pixels[y * T::IN + x].add(channel), count);
            }
            half[x] = T::map::<L>(line);
        }
        for y in 0..T::IN {
            let mut line = [L::zero(); 6];
            for x in 0..T::IN {
                line[x] = half[x][y];
            }
            let line = T::map::<L>(line);
            for x in 0..T::IN {
                L::store(to.add((y * T::IN + x) * stride), line[x]);
            }
        }
    }
}
