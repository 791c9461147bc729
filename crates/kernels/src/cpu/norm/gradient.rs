//! A norm's backward pass: one pass for the sums that every gradient needs, one that writes.

use super::{
    Layer,
    units::{Rows, Units},
};
use crate::{
    Activation,
    cpu::{
        lanes::{LANES, Lanes},
        memory::{Numbers, Scratch},
        path::{Kernel, Path},
        shared::Shared,
        tasks,
    },
};

/// Gradients of a norm's inputs.
pub(crate) struct Gradients {
    /// In the shape of the maps.
    pub(crate) x: Numbers,
    /// Of the scale γ, `[channels]`.
    pub(crate) gamma: Vec<f32>,
    /// Of the shift β, `[channels]`.
    pub(crate) beta: Vec<f32>,
    /// In the shape of the maps; `None` where it is the gradient that came in.
    pub(crate) residual: Option<Numbers>,
}

/// Gradients from the gradient `dy` of the output. `mean` and `variance` are those that the layer was
/// made with; `of_batch` says that they are the batch's, and so depend on `x`.
pub(crate) fn gradients(
    path: Path,
    layer: &Layer,
    x: &[f32],
    residual: Option<&[f32]>,
    dy: &[f32],
    [mean, variance]: [&[f32]; 2],
    epsilon: f64,
    of_batch: bool,
) -> Gradients {
    let map = layer.map;
    let channels = map.channels;
    let wide = channels.next_multiple_of(LANES);
    let (units, rows) = (Units::new(map), Rows::new(map));
    let blocks = if layer.pool { rows.blocks() } else { units.blocks() };
    let mut means = vec![0.0; wide];
    means[..channels].copy_from_slice(mean);
    let pass = Pass { layer, x, residual, dy, units, rows };

    let mut sums = Scratch::new(blocks * 2 * wide);
    let shared = Shared::new(&mut sums);
    tasks::each(blocks, x.len(), |block| {
        // SAFETY: each block has its own sums.
        unsafe {
            path.run(Sums { pass: &pass, block, means: &means, sums: shared.at(block * 2 * wide) });
        };
    });

    let (mut gamma, mut beta) = (vec![0.0; channels], vec![0.0; channels]);
    let mut factors = vec![0.0; 3 * wide];
    for channel in 0..channels {
        let total = |which: usize| {
            let of_blocks = (0..blocks).map(|block| sums[(2 * block + which) * wide + channel]);
            of_blocks.map(f64::from).sum::<f64>()
        };
        let (sum, moment) = (total(0), total(1));
        let inverse = 1.0 / (f64::from(variance[channel]) + epsilon).sqrt();
        gamma[channel] = (moment * inverse) as f32;
        beta[channel] = sum as f32;
        // dx = scale · (g − mean(g) − x̂ · mean(g · x̂)), as a function of g and x.
        let scale = f64::from(layer.scale[channel]);
        factors[channel] = scale as f32;
        if of_batch {
            let count = map.pixels() as f64;
            let slope = -scale * inverse * inverse * moment / count;
            let offset = -scale * sum / count - slope * f64::from(mean[channel]);
            factors[wide + channel] = slope as f32;
            factors[2 * wide + channel] = offset as f32;
        }
    }

    let mut dx = Numbers::new(map.length());
    let keep = residual.is_some() && layer.activation != Activation::Identity;
    let mut masked = keep.then(|| Numbers::new(map.length()));
    let (out, kept) = (Shared::new(&mut dx), masked.as_mut().map(|values| Shared::new(values)));
    tasks::each(blocks, x.len(), |block| {
        // SAFETY: each block writes its own pixels.
        unsafe { path.run(Write { pass: &pass, block, factors: &factors, out, kept }) };
    });
    Gradients { x: dx, gamma, beta, residual: masked }
}

struct Pass<'a> {
    layer: &'a Layer,
    x: &'a [f32],
    residual: Option<&'a [f32]>,
    dy: &'a [f32],
    units: Units,
    rows: Rows,
}

/// What is made of each pixel's x and of g, the gradient behind the norm. A trait and not closures: the
/// instructions of a path are only there in what is inlined for certain.
trait Visitor<L: Lanes> {
    /// Before the pixels of sixteen channels.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. Sixteen of the maps' channels, or the last ones, begin
    /// here.
    unsafe fn begin(&mut self, channel: usize);
    /// One pixel, at this place of the maps.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. The maps have `count` numbers, at most sixteen, from
    /// `at` on; no other task touches them in what the visitor writes.
    unsafe fn pixel(&mut self, at: usize, count: usize, x: L::V, g: L::V);
    /// Behind them.
    ///
    /// # Safety
    /// As of [`begin`](Self::begin), with the same channel.
    unsafe fn end(&mut self, channel: usize);
}

/// Σ g and Σ g·(x − mean) of each channel.
struct Sums<'a> {
    pass: &'a Pass<'a>,
    block: usize,
    means: &'a [f32],
    sums: *mut f32,
}

impl Kernel for Sums<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. The slices of the [`Pass`] are as long as its layer
    /// says, and the block is one of its own. `means` are filled up to whole vectors, and `sums` is
    /// writable, by this task alone, for two lines of as many.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        self.sums.write_bytes(0, 2 * self.means.len());
        let zero = L::zero();
        let Self { pass, block, means, sums } = self;
        pass.visit::<L>(block, Summing { means, sums, mean: zero, sum: zero, moment: zero });
    }
}

struct Summing<'a, L: Lanes> {
    means: &'a [f32],
    sums: *mut f32,
    mean: L::V,
    sum: L::V,
    moment: L::V,
}

impl<L: Lanes> Visitor<L> for Summing<'_, L> {
    #[inline(always)]
    unsafe fn begin(&mut self, channel: usize) {
        self.mean = L::load(self.means.as_ptr().add(channel));
        (self.sum, self.moment) = (L::zero(), L::zero());
    }

    #[inline(always)]
    unsafe fn pixel(&mut self, _at: usize, _count: usize, x: L::V, g: L::V) {
        self.sum = L::add(self.sum, g);
        self.moment = L::mul_add(g, L::sub(x, self.mean), self.moment);
    }

    #[inline(always)]
    unsafe fn end(&mut self, channel: usize) {
        let sum = self.sums.add(channel);
        let moment = sum.add(self.means.len());
        L::store(sum, L::add(L::load(sum), self.sum));
        L::store(moment, L::add(L::load(moment), self.moment));
    }
}

/// dx = factor · g + slope · x + offset.
struct Write<'a> {
    pass: &'a Pass<'a>,
    block: usize,
    factors: &'a [f32],
    out: Shared,
    kept: Option<Shared>,
}

impl Kernel for Write<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. The slices of the [`Pass`] are as long as its layer
    /// says, and the block is one of its own. `factors` are three lines of channels, filled up to
    /// whole vectors; `out` and `kept` hold the maps, of which no other task touches the block's
    /// pixels.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let zero = L::zero();
        let Self { pass, block, factors, out, kept } = self;
        let visitor = Writing { factors, out, kept, factor: zero, slope: zero, offset: zero };
        pass.visit::<L>(block, visitor);
    }
}

struct Writing<'a, L: Lanes> {
    factors: &'a [f32],
    out: Shared,
    kept: Option<Shared>,
    factor: L::V,
    slope: L::V,
    offset: L::V,
}

impl<L: Lanes> Visitor<L> for Writing<'_, L> {
    #[inline(always)]
    unsafe fn begin(&mut self, channel: usize) {
        let wide = self.factors.len() / 3;
        let factors = self.factors.as_ptr().add(channel);
        self.factor = L::load(factors);
        self.slope = L::load(factors.add(wide));
        self.offset = L::load(factors.add(2 * wide));
    }

    #[inline(always)]
    unsafe fn pixel(&mut self, at: usize, count: usize, x: L::V, g: L::V) {
        let dx = L::mul_add(self.factor, g, L::mul_add(self.slope, x, self.offset));
        L::store_some(self.out.at(at), count, dx);
        if let Some(kept) = self.kept {
            L::store_some(kept.at(at), count, g);
        }
    }

    #[inline(always)]
    unsafe fn end(&mut self, _channel: usize) {}
}

impl Pass<'_> {
    /// Shows a block's pixels to the visitor, one vector of channels after the other.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. The slices of the [`Pass`] are as long as its layer
    /// says, the block is one of its own, and the visitor may be shown its pixels.
    #[inline(always)]
    unsafe fn visit<L: Lanes>(&self, block: usize, mut visitor: impl Visitor<L>) {
        let Layer { map, pool, .. } = *self.layer;
        if pool {
            let pairs = map.height.div_ceil(2);
            for row in self.rows.of(block) {
                for channel in (0..map.channels).step_by(LANES) {
                    visitor.begin(channel);
                    self.windows::<L>(row / pairs, row % pairs, channel, &mut visitor);
                    visitor.end(channel);
                }
            }
        } else {
            for unit in self.units.of(block) {
                for channel in (0..map.channels).step_by(LANES) {
                    visitor.begin(channel);
                    self.run::<L>(unit.start, unit.end, channel, &mut visitor);
                    visitor.end(channel);
                }
            }
        }
    }

    /// Pixels from `start` to `end`.
    ///
    /// # Safety
    /// As of [`visit`](Self::visit), for a layer that does not pool and has these pixels, and for
    /// sixteen channels or the last ones.
    #[inline(always)]
    unsafe fn run<L: Lanes>(
        &self,
        start: usize,
        end: usize,
        channel: usize,
        visitor: &mut impl Visitor<L>,
    ) {
        let Layer { map, activation, .. } = *self.layer;
        let count = (map.channels - channel).min(LANES);
        let scale = L::load(self.layer.scale.as_ptr().add(channel));
        let shift = L::load(self.layer.shift.as_ptr().add(channel));
        for pixel in start..end {
            let at = pixel * map.channels + channel;
            let x = L::load_some(self.x.as_ptr().add(at), count);
            let mut z = L::mul_add(scale, x, shift);
            if let Some(residual) = self.residual {
                z = L::add(z, L::load_some(residual.as_ptr().add(at), count));
            }
            let dy = L::load_some(self.dy.as_ptr().add(at), count);
            visitor.pixel(at, count, x, passed::<L>(activation, z, dy));
        }
    }

    /// The 2x2 windows of a row of the pooled map, and what no window holds.
    ///
    /// # Safety
    /// As of [`visit`](Self::visit), for a layer that pools and has this pair of rows, and for
    /// sixteen channels or the last ones.
    #[inline(always)]
    unsafe fn windows<L: Lanes>(
        &self,
        image: usize,
        row: usize,
        channel: usize,
        visitor: &mut impl Visitor<L>,
    ) {
        let Layer { map, activation, .. } = *self.layer;
        let count = (map.channels - channel).min(LANES);
        let scale = L::load(self.layer.scale.as_ptr().add(channel));
        let shift = L::load(self.layer.shift.as_ptr().add(channel));
        let zero = L::zero();
        let out = self.layer.output();
        let columns = if row < out.height { out.width } else { 0 };
        for column in 0..columns {
            let at = map.at(image, 2 * row, 2 * column) + channel;
            let below = at + map.width * map.channels;
            let places = [at, at + map.channels, below, below + map.channels];
            let (mut xs, mut zs) = ([zero; 4], [zero; 4]);
            for window in 0..4 {
                xs[window] = L::load_some(self.x.as_ptr().add(places[window]), count);
                zs[window] = L::mul_add(scale, xs[window], shift);
            }
            let largest = L::max(L::max(zs[3], zs[2]), L::max(zs[1], zs[0]));
            let dy = self.dy.as_ptr().add(out.at(image, row, column) + channel);
            // The first of the largest ones has it all.
            let mut left = passed::<L>(activation, largest, L::load_some(dy, count));
            for window in 0..4 {
                let g = L::if_greater(largest, zs[window], zero, left);
                left = L::if_greater(largest, zs[window], left, zero);
                visitor.pixel(places[window], count, xs[window], g);
            }
        }
        for down in 0..(map.height - 2 * row).min(2) {
            for x in 2 * columns..map.width {
                let at = map.at(image, 2 * row + down, x) + channel;
                let x = L::load_some(self.x.as_ptr().add(at), count);
                visitor.pixel(at, count, x, zero);
            }
        }
    }
}

/// The gradient before a nonlinearity of z.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn passed<L: Lanes>(activation: Activation, z: L::V, dy: L::V) -> L::V {
    let zero = L::zero();
    match activation {
        Activation::Identity => dy,
        Activation::Relu => L::if_greater(z, zero, dy, zero),
        Activation::Relu6 => {
            L::if_greater(z, zero, L::if_greater(L::splat(6.0), z, dy, zero), zero)
        }
    }
}
