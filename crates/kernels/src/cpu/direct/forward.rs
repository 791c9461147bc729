//! Maps to outputs, and gradients of outputs to gradients of maps: both gather, for each pixel, the
//! pixels of a window from somewhere else.

use std::ops::Range;

use rayon::prelude::*;

use super::padded::{is_folded, pad};
use crate::cpu::{
    conv::Shape,
    finish::Finish,
    lanes::{LANES, Lanes},
    map::Map,
    panels::Panels,
    path::{Kernel, Path},
    scratch::{self, Scratch},
    shared::Shared,
    tile::rows_by_panel,
};

/// Pixels that a task makes at least.
const TASK: usize = 96;

/// `[outputs, inputs / groups, kernel, kernel]` weights as [`forward`] takes them: by group,
/// `[taps, inputs / groups, outputs / groups]`, in panels.
pub(crate) fn pack_forward(path: Path, weights: &[f32], shape: Shape) -> Vec<f32> {
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let taps = shape.kernel * shape.kernel;
    let panels = Panels::new(path, taps * inputs, outputs);
    let mut packed = vec![0.0; shape.groups * panels.length()];
    for (group, packed) in packed.chunks_exact_mut(panels.length()).enumerate() {
        for output in 0..outputs {
            let window = &weights[(group * outputs + output) * inputs * taps..][..inputs * taps];
            for (at, weight) in window.iter().enumerate() {
                let (input, tap) = (at / taps, at % taps);
                packed[panels.at(tap * inputs + input, output)] = *weight;
            }
        }
    }
    packed
}

/// The convolution of `x`.
pub(crate) fn forward(
    path: Path,
    x: &[f32],
    map: Map,
    packed: &[f32],
    shape: Shape,
    finish: &Finish<'_>,
) -> Vec<f32> {
    let out = shape.output(map);
    let mut y = scratch::result(out.length());
    let kernel = shape.kernel;
    let (padded, from, padding, columns) = if is_folded(shape) {
        let (padded, from) = pad(x, map, shape);
        (Some(padded), from, 0, 1)
    } else {
        (None, map, shape.padding, kernel)
    };
    let taps = |row: usize| (0..columns).map(move |column| (row, column));
    let taps = (0..kernel).flat_map(taps);
    let offset = |at: usize| at as isize - padding as isize;
    let taps: Vec<_> = taps.map(|(row, column)| (offset(row), offset(column))).collect();
    let gather = Gather {
        x: padded.as_deref().unwrap_or(x),
        from,
        depth: shape.inputs / shape.groups * (kernel / columns),
        step: shape.stride,
        taps: &taps,
        to: out,
        start: (0, 0),
        stride: 1,
        groups: shape.groups,
        packed,
        finish,
        out: Shared::new(&mut y),
    };
    gather.run(path);
    y
}

/// Gradient of the map, in its shape, from the gradient `dy` of the output.
pub(crate) fn map_gradient(
    path: Path,
    dy: &[f32],
    map: Map,
    weights: &[f32],
    shape: Shape,
) -> Vec<f32> {
    let mut dx = scratch::result(map.length());
    let (kernel, stride) = (shape.kernel, shape.stride);
    let finish = Finish::default();
    // Pixels that are equal modulo the stride see the same taps of the window.
    for phase in 0..stride * stride {
        let start = (phase / stride, phase % stride);
        if start.0 >= map.height || start.1 >= map.width {
            continue;
        }
        let seen = |at: usize, start: usize| {
            let distance = (start + shape.padding) as isize - at as isize;
            (distance.rem_euclid(stride as isize) == 0).then(|| distance.div_euclid(stride as isize))
        };
        let mut taps = Vec::new();
        let mut places = Vec::new();
        for row in 0..kernel {
            for column in 0..kernel {
                if let (Some(y), Some(x)) = (seen(row, start.0), seen(column, start.1)) {
                    taps.push((y, x));
                    places.push(row * kernel + column);
                }
            }
        }
        let packed = pack_backward(path, weights, shape, &places);
        let gather = Gather {
            x: dy,
            from: shape.output(map),
            depth: shape.outputs / shape.groups,
            step: 1,
            taps: &taps,
            to: map,
            start,
            stride,
            groups: shape.groups,
            packed: &packed,
            finish: &finish,
            out: Shared::new(&mut dx),
        };
        gather.run(path);
    }
    dx
}

/// Weights from outputs to inputs, of the taps at these places of the window.
fn pack_backward(path: Path, weights: &[f32], shape: Shape, places: &[usize]) -> Vec<f32> {
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let taps = shape.kernel * shape.kernel;
    let panels = Panels::new(path, places.len() * outputs, inputs);
    let mut packed = vec![0.0; shape.groups * panels.length()];
    for (group, packed) in packed.chunks_exact_mut(panels.length().max(1)).enumerate() {
        for output in 0..outputs {
            let windows = &weights[(group * outputs + output) * inputs * taps..][..inputs * taps];
            for (tap, place) in places.iter().enumerate() {
                for input in 0..inputs {
                    let row = tap * outputs + output;
                    packed[panels.at(row, input)] = windows[input * taps + place];
                }
            }
        }
    }
    packed
}

/// to\[start + j·stride] = Σ_tap W\[tap] · from\[j·step + tap], in both directions of the map.
struct Gather<'a> {
    x: &'a [f32],
    from: Map,
    /// Numbers of a tap.
    depth: usize,
    step: usize,
    taps: &'a [(isize, isize)],
    to: Map,
    start: (usize, usize),
    stride: usize,
    groups: usize,
    packed: &'a [f32],
    finish: &'a Finish<'a>,
    out: Shared,
}

impl Gather<'_> {
    /// Rows and columns that are made.
    fn sides(&self) -> (usize, usize) {
        let count = |side: usize, start: usize| (side - start).div_ceil(self.stride);
        (count(self.to.height, self.start.0), count(self.to.width, self.start.1))
    }

    fn run(&self, path: Path) {
        let (rows, columns) = self.sides();
        let pixels = self.to.batch * rows * columns;
        let zeros = vec![0.0; self.depth];
        let task = TASK.max(pixels.div_ceil(256)).next_multiple_of(12);
        (0..pixels.div_ceil(task)).into_par_iter().for_each(|at| {
            let pixels = at * task..pixels.min((at + 1) * task);
            // SAFETY: each task writes its own pixels.
            unsafe { path.run(Pixels { gather: self, pixels, zeros: &zeros }) };
        });
    }
}

/// Some of the pixels that are made.
struct Pixels<'a> {
    gather: &'a Gather<'a>,
    pixels: Range<usize>,
    zeros: &'a [f32],
}

impl Kernel for Pixels<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        unsafe {
            let gather = self.gather;
            let Gather { from, to, .. } = *gather;
            let (rows, columns) = gather.sides();
            let (inputs, outputs) = (from.channels / gather.groups, to.channels / gather.groups);
            let depth = gather.taps.len() * gather.depth;
            let all =
                Panels { depth, padded: outputs.next_multiple_of(LANES), width: L::VECTORS * LANES };
            // Windows of more than one pixel are put together, those of one are read in place.
            let line = depth + LANES;
            let mut room = Scratch::new(if gather.taps.len() == 1 { 0 } else { L::ROWS * line });
            let mut pixel = self.pixels.start;
            while pixel < self.pixels.end {
                let count = (self.pixels.end - pixel).min(L::ROWS);
                let mut places = [0; 16];
                let mut windows = [[0; 3]; 16];
                for at in 0..count {
                    let (image, place) =
                        ((pixel + at) / (rows * columns), (pixel + at) % (rows * columns));
                    let (y, x) = (place / columns, place % columns);
                    let row = gather.start.0 + y * gather.stride;
                    places[at] = to.at(image, row, gather.start.1 + x * gather.stride);
                    windows[at] = [image, y * gather.step, x * gather.step];
                }
                for group in 0..gather.groups {
                    let mut sources = [self.zeros.as_ptr(); 16];
                    for at in 0..count {
                        let first = group * inputs;
                        sources[at] = match *gather.taps {
                            [tap] => self.source(windows[at], tap, first),
                            _ => {
                                let to = room.as_mut_ptr().add(at * line);
                                self.window::<L>(windows[at], first, to);
                                to.cast_const()
                            }
                        };
                    }
                    let packed = gather.packed.as_ptr().add(group * all.length());
                    for panel in 0..all.count() {
                        let channel = group * outputs + panel * all.width;
                        let mut outs = [gather.out.at(places[0] + channel); 16];
                        for at in 0..count {
                            outs[at] = gather.out.at(places[at] + channel);
                        }
                        let columns = (outputs - panel * all.width).min(all.width);
                        let weights = packed.add(all.start(panel));
                        rows_by_panel::<L>(depth, &sources, weights, columns, count, &outs);
                        if gather.finish.is_something() {
                            for at in 0..count {
                                let place = places[at] + channel;
                                gather.finish.again::<L>(outs[at], columns, channel, place);
                            }
                        }
                    }
                }
                pixel += count;
            }
        }
    }
}

impl Pixels<'_> {
    /// Where a tap's numbers are, from a channel on; zeros beyond the map.
    #[inline(always)]
    unsafe fn source(
        &self,
        [image, y, x]: [usize; 3],
        (down, right): (isize, isize),
        channel: usize,
    ) -> *const f32 {
        let from = self.gather.from;
        let (row, column) = (y.wrapping_add_signed(down), x.wrapping_add_signed(right));
        if row < from.height && column < from.width {
            unsafe { self.gather.x.as_ptr().add(from.at(image, row, column) + channel) }
        } else {
            self.zeros.as_ptr()
        }
    }

    /// Copies the taps of a window one behind the other, and up to a vector of zeros.
    #[inline(always)]
    unsafe fn window<L: Lanes>(&self, place: [usize; 3], channel: usize, to: *mut f32) {
        unsafe {
            let depth = self.gather.depth;
            for (at, tap) in self.gather.taps.iter().enumerate() {
                let from = self.source(place, *tap, channel);
                for lane in (0..depth).step_by(LANES) {
                    // What is written beyond the tap, the next one overwrites.
                    let values = L::load_some(from.add(lane), (depth - lane).min(LANES));
                    L::store(to.add(at * depth + lane), values);
                }
            }
        }
    }
}
