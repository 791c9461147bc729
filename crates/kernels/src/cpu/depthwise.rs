//! Depthwise convolutions: every channel by itself, sixteen at a time.

use rayon::prelude::*;

use super::{
    finish::Finish,
    lanes::{LANES, Lanes},
    map::Map,
    memory::{Numbers, Scratch},
    path::{Kernel, Path},
    shape::Shape,
    shared::Shared,
};

/// Sums that the weights' gradient is spread over: images in order, whatever the threads.
const GROUPS: usize = 16;

/// `[channels, 1, kernel, kernel]` weights as `[kernel·kernel, channels]`, channels filled up.
pub(crate) fn pack(weights: &[f32], shape: Shape) -> Numbers {
    let taps = shape.kernel * shape.kernel;
    let wide = shape.outputs.next_multiple_of(LANES);
    let mut packed = Numbers::zeros(taps * wide);
    for (at, weight) in weights.iter().enumerate() {
        packed[at % taps * wide + at / taps] = *weight;
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
    let shared = Shared::new(&mut y);
    (0..out.batch * out.height).into_par_iter().for_each(|row| {
        // SAFETY: each task writes one row of one map.
        unsafe { path.run(Row { x, map, packed, shape, finish, out: shared, row }) };
    });
    y
}

/// Gradient of the map, in its shape, from the gradient `dy` of the output.
pub(crate) fn map_gradient(
    path: Path,
    dy: &[f32],
    map: Map,
    weights: &[f32],
    shape: Shape,
) -> Numbers {
    let packed = pack(weights, shape);
    let mut dx = Numbers::new(map.length());
    let shared = Shared::new(&mut dx);
    (0..map.batch * map.height).into_par_iter().for_each(|row| {
        // SAFETY: each task writes one row of one map.
        unsafe { path.run(GradientRow { dy, map, packed: &packed, shape, out: shared, row }) };
    });
    dx
}

/// Gradient of the weights, in their shape, from the map `x` and the gradient `dy` of the output.
pub(crate) fn weight_gradient(
    path: Path,
    x: &[f32],
    map: Map,
    dy: &[f32],
    shape: Shape,
) -> Numbers {
    let taps = shape.kernel * shape.kernel;
    let wide = shape.outputs.next_multiple_of(LANES);
    let groups = GROUPS.min(map.batch);
    let share = map.batch.div_ceil(groups);
    let mut sums = Scratch::new(groups * taps * wide);
    let shared = Shared::new(&mut sums);
    (0..groups).into_par_iter().for_each(|group| {
        let images = (group * share).min(map.batch)..map.batch.min((group + 1) * share);
        // SAFETY: each group has its own sums.
        unsafe {
            let sums = shared.at(group * taps * wide);
            path.run(Sums { x, map, dy, shape, images, sums });
        }
    });
    let mut weights = Numbers::new(shape.outputs * taps);
    for (at, weight) in weights.iter_mut().enumerate() {
        let place = at % taps * wide + at / taps;
        *weight = (0..groups).map(|group| sums[group * taps * wide + place]).sum();
    }
    weights
}

struct Row<'a> {
    x: &'a [f32],
    map: Map,
    packed: &'a [f32],
    shape: Shape,
    finish: &'a Finish<'a>,
    out: Shared,
    row: usize,
}

impl Kernel for Row<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `x` holds `map`, and `packed` is what [`pack`] gives.
    /// `out` holds the output, of which no other task touches this row.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { map, shape, .. } = self;
        let out = shape.output(map);
        let wide = map.channels.next_multiple_of(LANES);
        let (image, y) = (self.row / out.height, self.row % out.height);
        for x in 0..out.width {
            for channel in (0..map.channels).step_by(LANES) {
                let count = (map.channels - channel).min(LANES);
                let mut sum = L::zero();
                for down in 0..shape.kernel {
                    let row = (y * shape.stride + down).wrapping_sub(shape.padding);
                    for right in 0..shape.kernel {
                        let column = (x * shape.stride + right).wrapping_sub(shape.padding);
                        if row < map.height && column < map.width {
                            let tap = down * shape.kernel + right;
                            let weight = self.packed.as_ptr().add(tap * wide + channel);
                            let pixel = self.x.as_ptr().add(map.at(image, row, column));
                            let pixel = L::load_some(pixel.add(channel), count);
                            sum = L::mul_add(pixel, L::load(weight), sum);
                        }
                    }
                }
                let at = out.at(image, y, x) + channel;
                let value = self.finish.apply::<L>(sum, channel, at, count);
                L::store_some(self.out.at(at), count, value);
            }
        }
    }
}

struct GradientRow<'a> {
    dy: &'a [f32],
    map: Map,
    packed: &'a [f32],
    shape: Shape,
    out: Shared,
    row: usize,
}

impl Kernel for GradientRow<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `dy` holds the output of `map`, and `packed` is what
    /// [`pack`] gives. `out` holds `map`, of which no other task touches this row.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { map, shape, .. } = self;
        let out = shape.output(map);
        let wide = map.channels.next_multiple_of(LANES);
        let (image, y) = (self.row / map.height, self.row % map.height);
        // The output that sees this pixel through a tap.
        let seen = |pixel: usize, tap: usize, outputs: usize| {
            let distance = (pixel + shape.padding).wrapping_sub(tap);
            let at = distance / shape.stride;
            (distance.is_multiple_of(shape.stride) && at < outputs).then_some(at)
        };
        for x in 0..map.width {
            for channel in (0..map.channels).step_by(LANES) {
                let count = (map.channels - channel).min(LANES);
                let mut sum = L::zero();
                for down in 0..shape.kernel {
                    let Some(row) = seen(y, down, out.height) else { continue };
                    for right in 0..shape.kernel {
                        let Some(column) = seen(x, right, out.width) else { continue };
                        let tap = down * shape.kernel + right;
                        let weight = self.packed.as_ptr().add(tap * wide + channel);
                        let from = self.dy.as_ptr().add(out.at(image, row, column));
                        let from = L::load_some(from.add(channel), count);
                        sum = L::mul_add(from, L::load(weight), sum);
                    }
                }
                L::store_some(self.out.at(map.at(image, y, x) + channel), count, sum);
            }
        }
    }
}

struct Sums<'a> {
    x: &'a [f32],
    map: Map,
    dy: &'a [f32],
    shape: Shape,
    images: std::ops::Range<usize>,
    sums: *mut f32,
}

impl Kernel for Sums<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `x` holds `map` and `dy` its output, with these images.
    /// `sums` is writable, by this task alone, for a line of the channels, rounded up to whole
    /// vectors, for each tap.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let Self { map, shape, .. } = self;
        let out = shape.output(map);
        let wide = map.channels.next_multiple_of(LANES);
        for channel in (0..map.channels).step_by(LANES) {
            let count = (map.channels - channel).min(LANES);
            for tap in 0..shape.kernel * shape.kernel {
                let (down, right) = (tap / shape.kernel, tap % shape.kernel);
                let mut total = L::zero();
                for image in self.images.clone() {
                    for y in 0..out.height {
                        let row = (y * shape.stride + down).wrapping_sub(shape.padding);
                        if row >= map.height {
                            continue;
                        }
                        // By rows, so that long sums lose little.
                        let mut sum = L::zero();
                        for x in 0..out.width {
                            let column = (x * shape.stride + right).wrapping_sub(shape.padding);
                            if column < map.width {
                                let pixel = map.at(image, row, column) + channel;
                                let pixel = L::load_some(self.x.as_ptr().add(pixel), count);
                                let from = out.at(image, y, x) + channel;
                                let from = L::load_some(self.dy.as_ptr().add(from), count);
                                sum = L::mul_add(pixel, from, sum);
                            }
                        }
                        total = L::add(total, sum);
                    }
                }
                L::store(self.sums.add(tap * wide + channel), total);
            }
        }
    }
}
