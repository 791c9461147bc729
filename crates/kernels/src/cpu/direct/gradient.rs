//! Gradients of the weights from maps and gradients of the outputs: products of the windows with the
//! outputs that they give to.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    forward::taps,
    padded::{is_folded, pad},
    windows::Windows,
};
use crate::cpu::{
    lanes::{LANES, Lanes},
    map::Map,
    memory::{Numbers, Scratch},
    path::{Kernel, Path},
    shape::Shape,
    shared::Shared,
    tile::columns_by_rows,
};

/// Numbers of all sums of products together.
const SUMS: usize = 2 * 1024 * 1024;
/// Sums of products at most. It does not depend on the threads, so that the order of summation does
/// not.
const PARTS: usize = 16;
/// Numbers of windows that a thread puts together at a time.
const NEAR: usize = 24 * 1024;

/// Gradient of the weights, `[outputs, inputs / groups, kernel, kernel]`.
pub(crate) fn weight_gradient(
    path: Path,
    x: &[f32],
    map: Map,
    dy: &[f32],
    shape: Shape,
) -> Numbers {
    let out = shape.output(map);
    let kernel = shape.kernel;
    let (padded, from, padding, columns) = if is_folded(shape) {
        let (padded, from) = pad(x, map, shape);
        (Some(padded), from, 0, 1)
    } else {
        (None, map, shape.padding, kernel)
    };
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let taps = taps(kernel, columns, padding);
    let windows = Windows {
        x: padded.as_deref().unwrap_or(x),
        from,
        step: shape.stride,
        taps: &taps,
        depth: inputs * (kernel / columns),
        places: (out.height, out.width),
    };
    let wide = outputs.next_multiple_of(LANES);
    let work = Work { windows, dy, out, groups: shape.groups, wide };
    let rows = taps.len() * windows.depth;
    let length = shape.groups * rows * wide;
    let parts = PARTS.min((SUMS / length).max(1)).min(out.batch);
    let share = out.batch.div_ceil(parts);
    // Where there are few sums, the taps are spread over the threads too.
    let cuts = if parts * shape.groups < PARTS { taps.len() } else { 1 };
    let mut sums = Scratch::new(parts * length);
    let shared = Shared::new(&mut sums);
    (0..parts * shape.groups * cuts).into_par_iter().for_each(|job| {
        let (part, group, cut) = (job / cuts / shape.groups, job / cuts % shape.groups, job % cuts);
        let images = (part * share).min(out.batch)..out.batch.min((part + 1) * share);
        let each = taps.len() / cuts;
        let taps = cut * each..(cut + 1) * each;
        let first = part * length + (group * rows + taps.start * windows.depth) * wide;
        // SAFETY: each task has the sums of its own part, group and taps.
        unsafe {
            let sums = shared.at(first);
            sums.write_bytes(0, taps.len() * windows.depth * wide);
            path.run(Sums { work: &work, group, taps, images, sums });
        }
    });

    let mut weights = Numbers::new(shape.outputs * inputs * kernel * kernel);
    let each = inputs * kernel * kernel;
    weights.par_chunks_exact_mut(each).enumerate().for_each(|(output, weights)| {
        let (group, output) = (output / outputs, output % outputs);
        for (at, weight) in weights.iter_mut().enumerate() {
            // Folded or not, taps and inputs come in the same order.
            let (tap, input) = (at % (kernel * kernel), at / (kernel * kernel));
            let place = (group * rows + tap * inputs + input) * wide + output;
            *weight = (0..parts).map(|part| sums[part * length + place]).sum();
        }
    });
    weights
}

struct Work<'a> {
    windows: Windows<'a>,
    dy: &'a [f32],
    out: Map,
    groups: usize,
    /// Outputs of a group, filled up to whole vectors.
    wide: usize,
}

/// The sums of some taps over some of the images.
struct Sums<'a> {
    work: &'a Work<'a>,
    group: usize,
    taps: Range<usize>,
    images: Range<usize>,
    sums: *mut f32,
}

impl Kernel for Sums<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. The windows lie in their map, `dy` holds `out`, and
    /// both have these images. `sums` is writable, by this task alone, and holds `wide` numbers for
    /// each number of these taps.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Work { windows, dy, out, groups, wide } = *self.work;
        let (inputs, outputs) = (windows.from.channels / groups, out.channels / groups);
        let depth = self.taps.len() * windows.depth;
        let (in_place, line) = (windows.are_pixels(), depth + LANES);
        let most = (NEAR / line).clamp(8, 96);
        let mut room = Scratch::new(if in_place { 0 } else { most * line });
        // Products read whole vectors of the outputs; lines that end within one are copied.
        let whole = out.channels == wide;
        let mut copy = Scratch::new(if whole { 0 } else { most * wide });
        let places = windows.places.0 * windows.places.1;
        for first in (self.images.start * places..self.images.end * places).step_by(most) {
            let count = (self.images.end * places - first).min(most);
            let channel = self.group * inputs;
            let a = if in_place {
                let start = first * windows.from.channels + channel;
                (windows.x.as_ptr().add(start), windows.from.channels)
            } else {
                let to = (room.as_mut_ptr(), line);
                windows.copy::<L>((first, count), self.taps.clone(), channel, to);
                (room.as_ptr(), line)
            };
            let lines = dy.as_ptr().add(first * out.channels + self.group * outputs);
            let b = if whole {
                (lines, out.channels)
            } else {
                for at in 0..count {
                    for lane in (0..outputs).step_by(LANES) {
                        let from = lines.add(at * out.channels + lane);
                        let vector = L::load_some(from, (outputs - lane).min(LANES));
                        L::store(copy.as_mut_ptr().add(at * wide + lane), vector);
                    }
                }
                (copy.as_ptr(), wide)
            };
            columns_by_rows::<L>(count, a, b, depth, wide, (self.sums, wide));
        }
    }
}
