//! Maps to outputs, and gradients of outputs to gradients of maps: both gather, for each pixel, the
//! pixels of a window from somewhere else.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    padded::{is_folded, pad},
    windows::Windows,
};
use crate::cpu::{
    finish::Finish,
    lanes::{LANES, Lanes},
    map::Map,
    memory::{Numbers, Scratch},
    panels::Panels,
    path::{Kernel, Path},
    shape::Shape,
    shared::Shared,
    tile::{Rows, rows_by_panel},
};

/// Pixels that a task makes at least.
const TASK: usize = 96;

/// `[outputs, inputs / groups, kernel, kernel]` weights as [`forward`] takes them: by group,
/// `[taps, inputs / groups, outputs / groups]`, in panels.
pub(crate) fn pack_forward(path: Path, weights: &[f32], shape: Shape) -> Numbers {
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let taps = shape.kernel * shape.kernel;
    let panels = Panels::new(path, taps * inputs, outputs);
    let mut packed = Numbers::zeros(shape.groups * panels.length());
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
) -> Numbers {
    let out = shape.output(map);
    let mut y = Numbers::new(out.length());
    let kernel = shape.kernel;
    let (padded, from, padding, columns) = if is_folded(shape) {
        let (padded, from) = pad(x, map, shape);
        (Some(padded), from, 0, 1)
    } else {
        (None, map, shape.padding, kernel)
    };
    let taps = taps(kernel, columns, padding);
    let windows = Windows {
        x: padded.as_deref().unwrap_or(x),
        from,
        step: shape.stride,
        taps: &taps,
        depth: shape.inputs / shape.groups * (kernel / columns),
        places: (out.height, out.width),
    };
    let gather = Gather {
        windows,
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

/// The taps of a window of so many rows and columns, seen from its place.
pub(super) fn taps(rows: usize, columns: usize, padding: usize) -> Vec<(isize, isize)> {
    let offset = |at: usize| at as isize - padding as isize;
    (0..rows)
        .flat_map(|row| (0..columns).map(move |column| (offset(row), offset(column))))
        .collect()
}

/// Gradient of the map, in its shape, from the gradient `dy` of the output.
pub(crate) fn map_gradient(
    path: Path,
    dy: &[f32],
    map: Map,
    weights: &[f32],
    shape: Shape,
) -> Numbers {
    let mut dx = Numbers::new(map.length());
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
            (distance.rem_euclid(stride as isize) == 0)
                .then(|| distance.div_euclid(stride as isize))
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
        let windows = Windows {
            x: dy,
            from: shape.output(map),
            step: 1,
            taps: &taps,
            depth: shape.outputs / shape.groups,
            places: self::places(map, start, stride),
        };
        let gather = Gather {
            windows,
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
fn pack_backward(path: Path, weights: &[f32], shape: Shape, places: &[usize]) -> Numbers {
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let taps = shape.kernel * shape.kernel;
    let panels = Panels::new(path, places.len() * outputs, inputs);
    let mut packed = Numbers::zeros(shape.groups * panels.length());
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
    windows: Windows<'a>,
    to: Map,
    start: (usize, usize),
    stride: usize,
    groups: usize,
    packed: &'a [f32],
    finish: &'a Finish<'a>,
    out: Shared,
}

impl Gather<'_> {
    fn run(&self, path: Path) {
        let (rows, columns) = self.windows.places;
        let pixels = self.to.batch * rows * columns;
        let task = TASK.max(pixels.div_ceil(256)).next_multiple_of(12);
        (0..pixels.div_ceil(task)).into_par_iter().for_each(|at| {
            let pixels = at * task..pixels.min((at + 1) * task);
            // SAFETY: each task writes its own pixels.
            unsafe { path.run(Pixels { gather: self, pixels }) };
        });
    }
}

/// The places of the pixels that are made: every `stride`th one from `start` on.
fn places(to: Map, start: (usize, usize), stride: usize) -> (usize, usize) {
    let count = |side: usize, start: usize| (side - start).div_ceil(stride);
    (count(to.height, start.0), count(to.width, start.1))
}

/// Some of the pixels that are made.
struct Pixels<'a> {
    gather: &'a Gather<'a>,
    pixels: Range<usize>,
}

impl Kernel for Pixels<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. The windows lie in their map, which has as many
    /// channels for each group as `packed` has inputs. `out` holds `to`, of which no other task
    /// touches these pixels.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Gather { windows, to, groups, .. } = *self.gather;
        let gather = self.gather;
        let from = windows.from;
        let (inputs, outputs) = (from.channels / groups, to.channels / groups);
        let depth = windows.taps.len() * windows.depth;
        let all =
            Panels { depth, padded: outputs.next_multiple_of(LANES), width: L::VECTORS * LANES };
        // Windows that lie one behind the other are read in place, others are put together.
        // Likewise, pixels that do not lie one behind the other are put apart.
        let (in_place, out_of_place) = (windows.are_pixels(), gather.stride > 1);
        let line = depth + LANES;
        let mut room = Scratch::new(if in_place { 0 } else { L::ROWS * line });
        let mut apart = Scratch::new(if out_of_place { L::ROWS * all.width } else { 0 });
        for pixel in self.pixels.clone().step_by(L::ROWS) {
            let count = (self.pixels.end - pixel).min(L::ROWS);
            let mut places = [0; 16];
            let mut place = windows.place(pixel);
            for at in places.iter_mut().take(count) {
                let [image, y, x] = place;
                let row = gather.start.0 + y * gather.stride;
                *at = to.at(image, row, gather.start.1 + x * gather.stride);
                place = windows.next(place);
            }
            for group in 0..groups {
                let a = if in_place {
                    let first = windows.x.as_ptr().add(pixel * from.channels + group * inputs);
                    Rows { start: first, stride: from.channels }
                } else {
                    let (taps, to) = (0..windows.taps.len(), (room.as_mut_ptr(), line));
                    windows.copy::<L>((pixel, count), taps, group * inputs, to);
                    Rows { start: room.as_ptr(), stride: line }
                };
                let packed = gather.packed.as_ptr().add(group * all.length());
                for panel in 0..all.count() {
                    let channel = group * outputs + panel * all.width;
                    let columns = (outputs - panel * all.width).min(all.width);
                    let out = if out_of_place {
                        Rows { start: apart.as_mut_ptr(), stride: all.width }
                    } else {
                        Rows { start: gather.out.at(places[0] + channel), stride: to.channels }
                    };
                    rows_by_panel::<L>(depth, a, packed.add(all.start(panel)), columns, count, out);
                    if out_of_place || gather.finish.is_something() {
                        for at in 0..count {
                            let place = places[at] + channel;
                            let sums = out.start.add(at * out.stride).cast_const();
                            let to = gather.out.at(place);
                            gather.finish.write::<L>(sums, to, columns, channel, place);
                        }
                    }
                }
            }
        }
    }
}
