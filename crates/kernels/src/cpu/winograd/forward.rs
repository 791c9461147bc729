//! Maps to outputs; and, with weights packed backward, gradients of outputs to gradients of maps.

use std::{marker::PhantomData, ops::Range};

use rayon::prelude::*;

use super::{
    Tiles,
    line::{self, Maps},
    transform::Tiling,
};
use crate::cpu::{
    finish::Finish,
    lanes::{LANES, Lanes},
    map::Map,
    memory::{Numbers, Scratch},
    panels::Panels,
    path::{Kernel, Path},
    shared::Shared,
    tile::{Rows, rows_by_panel},
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
) -> Numbers {
    let tiles = Tiles::new::<T>(map);
    let panels = Panels::new(path, map.channels, outputs);
    let mut y = Numbers::new(map.pixels() * outputs);
    let work = Work { x, map, tiles, panels, outputs, packed, finish, out: Shared::new(&mut y) };
    let each = T::IN * T::IN * (work.deep() + panels.padded);
    if T::IN * T::IN * panels.length() > HEAVY {
        // The weights are read once for many tiles: every stage is shared among the threads.
        let chunk = tiles.chunk(FAR, each, usize::MAX);
        for start in (0..tiles.rows).step_by(chunk) {
            together::<T>(path, &work, start..tiles.rows.min(start + chunk));
        }
    } else {
        // Each thread takes tiles through all stages while they are in its cache.
        let chunk = tiles.chunk(NEAR, each, 96);
        (0..tiles.rows.div_ceil(chunk)).into_par_iter().for_each(|at| {
            let rows = at * chunk..tiles.rows.min((at + 1) * chunk);
            let mut room = Scratch::new(work.room::<T>(rows.len()));
            let chunk = Chunk { work: &work, rows, room: Shared::new(&mut room) };
            // SAFETY: the chunk's outputs are written by this task alone.
            unsafe { path.run(Stage::<T> { chunk: &chunk, step: Step::All, tiling: PhantomData }) };
        });
    }
    y
}

/// Takes rows of tiles through the stages one after the other, each shared among the threads.
fn together<T: Tiling>(path: Path, work: &Work<'_>, rows: Range<usize>) {
    let mut room = Scratch::new(work.room::<T>(rows.len()));
    let chunk = Chunk { work, rows, room: Shared::new(&mut room) };
    let run = |step| {
        // SAFETY: the parts of a stage are disjoint, and a stage ends before the next one.
        unsafe { path.run(Stage::<T> { chunk: &chunk, step, tiling: PhantomData }) }
    };
    let count = chunk.rows.len();
    let share = count.div_ceil(64);
    let part = |at: usize| at * share..count.min((at + 1) * share);
    let parts = count.div_ceil(share);
    (0..parts).into_par_iter().for_each(|at| run(Step::Map(part(at))));
    let panels = work.panels.count();
    let jobs = T::IN * T::IN * panels;
    (0..jobs).into_par_iter().for_each(|job| {
        let panel = job % panels;
        run(Step::Multiply(job / panels, panel..panel + 1));
    });
    (0..parts).into_par_iter().for_each(|at| run(Step::Output(part(at))));
}

struct Work<'a> {
    x: &'a [f32],
    map: Map,
    tiles: Tiles,
    panels: Panels,
    outputs: usize,
    packed: &'a [f32],
    finish: &'a Finish<'a>,
    out: Shared,
}

impl Work<'_> {
    /// Channels of the map, filled up to whole vectors.
    #[inline(always)]
    fn deep(&self) -> usize {
        self.map.channels.next_multiple_of(LANES)
    }

    /// Numbers that so many rows of tiles need.
    fn room<T: Tiling>(&self, rows: usize) -> usize {
        let count = rows * self.tiles.across;
        let both = stride(count, self.deep()) + stride(count, self.panels.padded);
        T::IN * T::IN * both
    }
}

/// Numbers between two positions of `count` transformed tiles of `width` channels. A line more than
/// needed, or all positions of a tile would fall into one set of the first cache.
#[inline(always)]
pub(super) fn stride(count: usize, width: usize) -> usize {
    count * width + LANES
}

/// Rows of tiles that go through the stages together.
struct Chunk<'a> {
    work: &'a Work<'a>,
    rows: Range<usize>,
    room: Shared,
}

enum Step {
    /// Transform these rows of the chunk.
    Map(Range<usize>),
    /// Multiply one position by these panels.
    Multiply(usize, Range<usize>),
    /// Transform these rows back.
    Output(Range<usize>),
    /// All stages, for all of the chunk.
    All,
}

struct Stage<'a, T> {
    chunk: &'a Chunk<'a>,
    step: Step,
    tiling: PhantomData<T>,
}

impl<T: Tiling> Kernel for Stage<'_, T> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. What [`Work`] holds is as long as its sizes say, the
    /// room as [`Work::room`] says of the chunk's rows, and the step is within the chunk. No other
    /// task touches what the step writes, and none writes what it reads.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let chunk = self.chunk;
        match self.step {
            Step::Map(rows) => chunk.map::<T, L>(rows),
            Step::Multiply(position, panels) => chunk.multiply::<T, L>(position, panels),
            Step::Output(rows) => chunk.output::<T, L>(rows),
            Step::All => {
                chunk.map::<T, L>(0..chunk.rows.len());
                for position in 0..T::IN * T::IN {
                    chunk.multiply::<T, L>(position, 0..chunk.work.panels.count());
                }
                chunk.output::<T, L>(0..chunk.rows.len());
            }
        }
    }
}

impl Chunk<'_> {
    /// Tiles of the chunk.
    #[inline(always)]
    fn count(&self) -> usize {
        self.rows.len() * self.work.tiles.across
    }

    /// Where the products begin, behind the transformed tiles.
    #[inline(always)]
    fn products<T: Tiling>(&self) -> usize {
        T::IN * T::IN * stride(self.count(), self.work.deep())
    }

    /// Transforms these rows of the chunk.
    ///
    /// # Safety
    /// As of [`Stage`]'s step [`Step::Map`].
    #[inline(always)]
    unsafe fn map<T: Tiling, L: Lanes>(&self, rows: Range<usize>) {
        let Work { x, map, tiles, .. } = *self.work;
        let deep = self.work.deep();
        let mut buffer = Scratch::new(line::buffer::<T>(tiles.across));
        for row in rows {
            let place = tiles.place::<T>(self.rows.start + row);
            let to = self.room.at(row * tiles.across * deep);
            let to = (to, deep, stride(self.count(), deep));
            let buffer = buffer.as_mut_ptr();
            line::transform::<Maps, T, L>(x, map, place, tiles.across, buffer, to);
        }
    }

    /// Multiplies the tiles at one position by these panels.
    ///
    /// # Safety
    /// As of [`Stage`]'s step [`Step::Multiply`].
    #[inline(always)]
    unsafe fn multiply<T: Tiling, L: Lanes>(&self, position: usize, panels: Range<usize>) {
        let (count, deep, all) = (self.count(), self.work.deep(), self.work.panels);
        let tiles = self.room.at(position * stride(count, deep)).cast_const();
        let products = self.products::<T>() + position * stride(count, all.padded);
        for panel in panels {
            let weights = position * all.length() + all.start(panel);
            let weights = self.work.packed.as_ptr().add(weights);
            let out = self.room.at(products + panel * all.width);
            rows_by_panel::<L>(
                all.depth,
                Rows { start: tiles, stride: deep },
                weights,
                all.columns(panel),
                count,
                Rows { start: out, stride: all.padded },
            );
        }
    }

    /// Transforms the products of these rows back, and writes the outputs.
    ///
    /// # Safety
    /// As of [`Stage`]'s step [`Step::Output`].
    #[inline(always)]
    unsafe fn output<T: Tiling, L: Lanes>(&self, rows: Range<usize>) {
        let Work { map, tiles, panels, outputs, finish, .. } = *self.work;
        let stride = stride(self.count(), panels.padded);
        let products = self.room.at(self.products::<T>());
        for tile in rows.start * tiles.across..rows.end * tiles.across {
            let (image, top) = tiles.place::<T>(self.rows.start + tile / tiles.across);
            let left = tile % tiles.across * T::OUT;
            let (height, width) = ((map.height - top).min(T::OUT), (map.width - left).min(T::OUT));
            let first = ((image * map.height + top) * map.width + left) * outputs;
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
                    if y < height {
                        for x in 0..T::OUT {
                            if x < width {
                                let at = first + (y * map.width + x) * outputs + channel;
                                let value = finish.apply::<L>(line[x], channel, at, count);
                                L::store_some(self.work.out.at(at), count, value);
                            }
                        }
                    }
                }
            }
        }
    }
}
