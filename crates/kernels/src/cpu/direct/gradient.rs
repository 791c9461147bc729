//! Gradients of the weights from maps and gradients of the outputs: for each tap, products of the
//! pixels that it sees with the outputs that it gives to, a run of pixels at a time.

use std::ops::Range;

use rayon::prelude::*;

use super::padded::{is_folded, pad};
use crate::cpu::{
    conv::Shape,
    lanes::{LANES, Lanes},
    map::Map,
    path::{Kernel, Path},
    scratch::{self, Scratch},
    shared::Shared,
    tile::columns_by_rows,
};

/// Numbers of all sums of products together.
const SUMS: usize = 2 * 1024 * 1024;
/// Sums of products at most. It does not depend on the threads, so that the order of summation does
/// not.
const GROUPS: usize = 16;

/// Gradient of the weights, `[outputs, inputs / groups, kernel, kernel]`.
pub(crate) fn weight_gradient(
    path: Path,
    x: &[f32],
    map: Map,
    dy: &[f32],
    shape: Shape,
) -> Vec<f32> {
    let out = shape.output(map);
    let kernel = shape.kernel;
    let (padded, from, padding, folds) = if is_folded(shape) {
        let (padded, from) = pad(x, map, shape);
        (Some(padded), from, 0, kernel)
    } else {
        (None, map, shape.padding, 1)
    };
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let work = Work {
        x: padded.as_deref().unwrap_or(x),
        from,
        dy,
        out,
        shape,
        padding,
        taps: (kernel, kernel / folds),
        depth: inputs * folds,
        wide: outputs.next_multiple_of(LANES),
    };
    let taps = work.taps.0 * work.taps.1 * shape.groups;
    let length = taps * work.depth * work.wide;
    let parts = GROUPS.min((SUMS / length).max(1)).min(out.batch);
    let share = out.batch.div_ceil(parts);
    let mut sums = Scratch::new(parts * length);
    let shared = Shared::new(&mut sums);
    (0..parts * taps).into_par_iter().for_each(|job| {
        let (part, tap) = (job / taps, job % taps);
        let images = (part * share).min(out.batch)..out.batch.min((part + 1) * share);
        // SAFETY: each task has the sums of its own part and tap.
        unsafe {
            let sums = shared.at(part * length + tap * work.depth * work.wide);
            sums.write_bytes(0, work.depth * work.wide);
            path.run(Tap { work: &work, tap, images, sums });
        }
    });

    let mut weights = scratch::result(shape.outputs * inputs * kernel * kernel);
    for (at, weight) in weights.iter_mut().enumerate() {
        let (tap, rest) = (at % (kernel * kernel), at / (kernel * kernel));
        let (input, output) = (rest % inputs, rest / inputs);
        let (group, output) = (output / outputs, output % outputs);
        // Folded or not, taps and inputs come in the same order.
        let row = (group * kernel * kernel + tap) * inputs + input;
        let part = |part: usize| sums[part * length + row * work.wide + output];
        *weight = (0..parts).map(part).sum();
    }
    weights
}

struct Work<'a> {
    x: &'a [f32],
    from: Map,
    dy: &'a [f32],
    out: Map,
    shape: Shape,
    padding: usize,
    /// Rows and columns of taps.
    taps: (usize, usize),
    /// Numbers of a tap.
    depth: usize,
    /// Outputs of a group, filled up to whole vectors.
    wide: usize,
}

/// The sums of one tap over some of the images.
struct Tap<'a> {
    work: &'a Work<'a>,
    /// Group of channels, row and column of the window.
    tap: usize,
    images: Range<usize>,
    sums: *mut f32,
}

impl Kernel for Tap<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            let work = self.work;
            let Work { from, out, shape, .. } = *work;
            let taps = work.taps.0 * work.taps.1;
            let (group, tap) = (self.tap / taps, self.tap % taps);
            let (down, right) = (tap / work.taps.1, tap % work.taps.1);
            let outputs = shape.outputs / shape.groups;
            let rows = seen(out.height, from.height, down, work.padding, shape.stride);
            let run = seen(out.width, from.width, right, work.padding, shape.stride);
            if run.is_empty() {
                return;
            }
            // Products read whole vectors of the outputs; lines that end within one are copied.
            let whole = outputs == work.wide && shape.groups == 1;
            let mut copy = if whole { None } else { Some(Scratch::new(run.len() * work.wide)) };
            for image in self.images {
                for y in rows.clone() {
                    let row = y * shape.stride + down - work.padding;
                    let column = run.start * shape.stride + right - work.padding;
                    let pixels = from.at(image, row, column) + group * (shape.inputs / shape.groups);
                    let gradients = out.at(image, y, run.start) + group * outputs;
                    let mut lines = (work.dy.as_ptr().add(gradients), out.channels);
                    if let Some(copy) = &mut copy {
                        for at in 0..run.len() {
                            for lane in (0..outputs).step_by(LANES) {
                                let from = lines.0.add(at * out.channels + lane);
                                let vector = L::load_some(from, (outputs - lane).min(LANES));
                                L::store(copy.as_mut_ptr().add(at * work.wide + lane), vector);
                            }
                        }
                        lines = (copy.as_ptr(), work.wide);
                    }
                    columns_by_rows::<L>(
                        run.len(),
                        (work.x.as_ptr().add(pixels), shape.stride * from.channels),
                        lines,
                        work.depth,
                        work.wide,
                        (self.sums, work.wide),
                    );
                }
            }
        }
    }
}

/// Outputs along a side that see a pixel of the map through this tap.
fn seen(outputs: usize, inputs: usize, tap: usize, padding: usize, stride: usize) -> Range<usize> {
    let first = padding.saturating_sub(tap).div_ceil(stride);
    let last = (inputs + padding).saturating_sub(tap).div_ceil(stride);
    first..last.min(outputs).max(first)
}
