//! Gradients of the windows from maps and gradients of the outputs.

use std::{marker::PhantomData, ops::Range};

use rayon::prelude::*;

use super::{
    Tiles,
    forward::stride,
    line::{self, Gradients, Maps},
    transform::Tiling,
};
use crate::cpu::{
    lanes::{LANES, Lanes},
    map::Map,
    memory::{Numbers, Scratch},
    path::{Kernel, Path},
    shared::Shared,
    tasks,
    tile::columns_by_rows,
};

/// Numbers of a sum of products that a core's second cache holds beside the tiles.
const LIGHT: usize = 96 * 1024;
/// Numbers of transformed tiles that a thread works on at a time.
const NEAR: usize = 96 * 1024;
/// The same where all threads share the tiles.
const FAR: usize = 8 * 1024 * 1024;
/// Sums of products that light windows are spread over. It does not depend on the threads, so that
/// the order of summation does not.
const GROUPS: usize = 16;
/// Channels of a map whose products a task makes, where the windows are heavy.
const ROWS: usize = 32;

/// Gradient of the windows, `[outputs, inputs, 3, 3]`, from the map `x` and the gradient `dy` of the
/// output, `[batch, height, width, outputs]`.
pub(crate) fn gradient<T: Tiling>(
    path: Path,
    x: &[f32],
    map: Map,
    dy: &[f32],
    outputs: usize,
) -> Numbers {
    let (deep, wide) = (map.channels.next_multiple_of(LANES), outputs.next_multiple_of(LANES));
    let work = Work { x, dy, map, outputs, tiles: Tiles::new::<T>(map), deep, wide };
    let length = T::IN * T::IN * map.channels * wide;
    let (sums, groups) = if length <= LIGHT {
        grouped::<T>(path, &work, length)
    } else {
        (together::<T>(path, &work, length), 1)
    };

    let mut windows = Numbers::new(outputs * map.channels * 9);
    let out = Shared::new(&mut windows);
    tasks::each(wide / LANES, groups * length, |block| {
        let columns = block * LANES..outputs.min((block + 1) * LANES);
        let task =
            Windows::<T> { work: &work, groups, sums: &sums, columns, out, tiling: PhantomData };
        // SAFETY: each task writes the windows of its own outputs.
        unsafe { path.run(task) };
    });
    windows
}

/// Several sums of products, each over its own tiles, and how many they are.
fn grouped<T: Tiling>(path: Path, work: &Work<'_>, length: usize) -> (Scratch, usize) {
    let rows = work.tiles.rows;
    let near = work.tiles.chunk(NEAR, T::IN * T::IN * (work.deep + work.wide), 96);
    let share = rows.div_ceil(GROUPS.min(rows.div_ceil(near)));
    let groups = rows.div_ceil(share);
    let mut sums = Scratch::new(groups * length);
    let shared = Shared::new(&mut sums);
    (0..groups).into_par_iter().for_each(|group| {
        let rows = group * share..rows.min((group + 1) * share);
        let mut room = Scratch::new(work.room::<T>(near.min(share)));
        let room = Shared::new(&mut room);
        // SAFETY: each group has its own part of the sums.
        unsafe {
            let sums = shared.at(group * length);
            sums.write_bytes(0, length);
            path.run(Group::<T> { work, rows, near, room, sums, tiling: PhantomData });
        }
    });
    (sums, groups)
}

/// One sum of products over all tiles: every thread makes a part of each product.
fn together<T: Tiling>(path: Path, work: &Work<'_>, length: usize) -> Scratch {
    let channels = work.map.channels;
    let mut sums = Scratch::new(length);
    let shared = Shared::new(&mut sums);
    let blocks = channels.div_ceil(ROWS);
    let all = work.tiles.rows;
    let chunk = work.tiles.chunk(FAR, T::IN * T::IN * (work.deep + work.wide), usize::MAX);
    let mut room = Scratch::new(work.room::<T>(chunk));
    let room = Shared::new(&mut room);
    for start in (0..all).step_by(chunk) {
        let rows = start..all.min(start + chunk);
        let share = rows.len().div_ceil(64);
        (0..rows.len().div_ceil(share)).into_par_iter().for_each(|at| {
            let part = at * share..rows.len().min((at + 1) * share);
            let rows = rows.clone();
            // SAFETY: each task transforms its own tiles.
            unsafe { path.run(Transform::<T> { work, rows, part, room, tiling: PhantomData }) };
        });
        let count = rows.len() * work.tiles.across;
        (0..T::IN * T::IN * blocks).into_par_iter().for_each(|job| {
            let (position, block) = (job / blocks, job % blocks);
            let channels = block * ROWS..channels.min((block + 1) * ROWS);
            // SAFETY: each task has its own rows of a position's sums.
            unsafe {
                let at = (position * work.map.channels + channels.start) * work.wide;
                if start == 0 {
                    shared.at(at).write_bytes(0, channels.len() * work.wide);
                }
                let sums = shared.at(0);
                path.run(Multiply::<T> {
                    work,
                    count,
                    position,
                    channels,
                    room,
                    sums,
                    tiling: PhantomData,
                });
            }
        });
    }
    sums
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
}

impl Work<'_> {
    /// Numbers that so many rows of tiles need.
    fn room<T: Tiling>(&self, rows: usize) -> usize {
        let count = rows * self.tiles.across;
        T::IN * T::IN * (stride(count, self.deep) + stride(count, self.wide))
    }

    /// Where the transformed gradients of `count` tiles begin, behind the maps.
    #[inline(always)]
    fn second<T: Tiling>(&self, count: usize) -> usize {
        T::IN * T::IN * stride(count, self.deep)
    }

    /// Transforms `part` of these rows of tiles, both sides.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. What [`Work`] holds is as long as its sizes say, and
    /// the room as [`Work::room`] says of these rows, which are rows of tiles; `part` counts from
    /// the first of them. No other task touches the room of its tiles.
    #[inline(always)]
    unsafe fn transform<T: Tiling, L: Lanes>(
        &self,
        rows: &Range<usize>,
        part: Range<usize>,
        room: Shared,
    ) {
        let across = self.tiles.across;
        let count = rows.len() * across;
        let outs = Map { channels: self.outputs, ..self.map };
        let mut buffer = Scratch::new(line::buffer::<T>(across));
        let buffer = buffer.as_mut_ptr();
        for row in part {
            let place = self.tiles.place::<T>(rows.start + row);
            let to = room.at(row * across * self.deep);
            let to = (to, self.deep, stride(count, self.deep));
            line::transform::<Maps, T, L>(self.x, self.map, place, across, buffer, to);
            let to = room.at(self.second::<T>(count) + row * across * self.wide);
            let to = (to, self.wide, stride(count, self.wide));
            line::transform::<Gradients, T, L>(self.dy, outs, place, across, buffer, to);
        }
    }

    /// Adds the products of `count` tiles at one position to the sums of some of the map's channels.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. What [`Work`] holds is as long as its sizes say, and
    /// the room as [`Work::room`] says of the rows that the `count` tiles make. `sums` is writable
    /// for all channels and positions, and no other task touches the sums of these.
    #[inline(always)]
    unsafe fn multiply<T: Tiling, L: Lanes>(
        &self,
        count: usize,
        position: usize,
        channels: Range<usize>,
        room: Shared,
        sums: *mut f32,
    ) {
        let maps = room.at(position * stride(count, self.deep) + channels.start);
        let gradients = self.second::<T>(count) + position * stride(count, self.wide);
        let sums = sums.add((position * self.map.channels + channels.start) * self.wide);
        columns_by_rows::<L>(
            count,
            (maps, self.deep),
            (room.at(gradients), self.wide),
            channels.len(),
            self.wide,
            (sums, self.wide),
        );
    }
}

/// Tiles of one sum, a cacheful at a time.
struct Group<'a, T> {
    work: &'a Work<'a>,
    rows: Range<usize>,
    near: usize,
    room: Shared,
    sums: *mut f32,
    tiling: PhantomData<T>,
}

impl<T: Tiling> Kernel for Group<'_, T> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. What [`Work`] holds is as long as its sizes say, and
    /// the room as [`Work::room`] says of `near` rows or all of `rows`, if these are fewer. `sums`
    /// holds the sums of all positions. No other task touches room and sums.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { work, near, room, sums, .. } = self;
        let mut start = self.rows.start;
        while start < self.rows.end {
            let rows = start..self.rows.end.min(start + near);
            work.transform::<T, L>(&rows, 0..rows.len(), room);
            for position in 0..T::IN * T::IN {
                let (count, channels) = (rows.len() * work.tiles.across, 0..work.map.channels);
                work.multiply::<T, L>(count, position, channels, room, sums);
            }
            start = rows.end;
        }
    }
}

struct Transform<'a, T> {
    work: &'a Work<'a>,
    rows: Range<usize>,
    part: Range<usize>,
    room: Shared,
    tiling: PhantomData<T>,
}

impl<T: Tiling> Kernel for Transform<'_, T> {
    type Output = ();

    /// # Safety
    /// As of [`Work::transform`].
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        self.work.transform::<T, L>(&self.rows, self.part, self.room);
    }
}

struct Multiply<'a, T> {
    work: &'a Work<'a>,
    count: usize,
    position: usize,
    channels: Range<usize>,
    room: Shared,
    sums: *mut f32,
    tiling: PhantomData<T>,
}

impl<T: Tiling> Kernel for Multiply<'_, T> {
    type Output = ();

    /// # Safety
    /// As of [`Work::multiply`].
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { work, count, position, channels, room, sums, .. } = self;
        work.multiply::<T, L>(count, position, channels, room, sums);
    }
}

/// Adds up the groups and transforms back: Gᵀ U G for sixteen outputs at a time.
struct Windows<'a, T> {
    work: &'a Work<'a>,
    groups: usize,
    sums: &'a [f32],
    columns: Range<usize>,
    out: Shared,
    tiling: PhantomData<T>,
}

impl<T: Tiling> Kernel for Windows<'_, T> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `sums` hold those of all groups. At most sixteen
    /// `columns` begin at a whole vector; `out` holds the windows of all outputs, of which no other
    /// task touches those of the columns.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
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
