//! Mean and variance of each channel.

use super::units::Units;
use crate::cpu::{
    lanes::{LANES, Lanes},
    map::Map,
    memory::Scratch,
    path::{Kernel, Path},
    shared::Shared,
    tasks,
};

/// Mean and biased variance of each channel, `[channels]` each.
///
/// A block's sums are taken from a mean of its first pixels, so that little is lost where the mean is
/// far larger than the deviation; blocks are put together in double precision.
pub(crate) fn statistics(path: Path, x: &[f32], map: Map) -> (Vec<f32>, Vec<f32>) {
    let units = Units::new(map);
    let blocks = units.blocks();
    let wide = map.channels.next_multiple_of(LANES);
    let mut sums = Scratch::new(blocks * 3 * wide);
    let shared = Shared::new(&mut sums);
    tasks::each(blocks, x.len(), |block| {
        // SAFETY: each block has its own sums.
        unsafe { path.run(Block { x, map, units, block, sums: shared.at(block * 3 * wide) }) };
    });
    let count = map.pixels() as f64;
    let counts: Vec<f64> =
        (0..blocks).map(|b| units.of(b).map(|unit| unit.len()).sum::<usize>() as f64).collect();
    let (mut means, mut variances) = (Vec::new(), Vec::new());
    for channel in 0..map.channels {
        let part = |block: usize| {
            let at = |which: usize| f64::from(sums[(3 * block + which) * wide + channel]);
            let (pivot, sum, squares) = (at(0), at(1), at(2));
            (pivot + sum / counts[block], squares - sum * sum / counts[block])
        };
        let mean = (0..blocks).map(|b| counts[b] * part(b).0).sum::<f64>() / count;
        let around = (0..blocks).map(|b| part(b).1 + counts[b] * (part(b).0 - mean).powi(2));
        means.push(mean as f32);
        variances.push((around.sum::<f64>().max(0.0) / count) as f32);
    }
    (means, variances)
}

struct Block<'a> {
    x: &'a [f32],
    map: Map,
    units: Units,
    block: usize,
    /// Pivot, sum and sum of squares of each channel.
    sums: *mut f32,
}

impl Kernel for Block<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `x` holds `map`, and the block is one of `units`.
    /// `sums` is writable, by this task alone, for three lines of the channels, rounded up to whole
    /// vectors.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let channels = self.map.channels;
        let wide = channels.next_multiple_of(LANES);
        let mut first = true;
        for unit in self.units.of(self.block) {
            for channel in (0..channels).step_by(LANES) {
                let count = (channels - channel).min(LANES);
                let mut from = self.x.as_ptr().add(unit.start * channels + channel);
                let to = self.sums.add(channel);
                if first {
                    let mut sum = L::zero();
                    for pixel in 0..unit.len() {
                        sum = L::add(sum, L::load_some(from.add(pixel * channels), count));
                    }
                    L::store(to, L::mul(sum, L::splat(1.0 / unit.len() as f32)));
                    L::store(to.add(wide), L::zero());
                    L::store(to.add(2 * wide), L::zero());
                }
                let pivot = L::load(to);
                let (mut sum, mut squares) = (L::zero(), L::zero());
                for _ in 0..unit.len() {
                    let x = L::sub(L::load_some(from, count), pivot);
                    sum = L::add(sum, x);
                    squares = L::mul_add(x, x, squares);
                    from = from.wrapping_add(channels);
                }
                let (total, all) = (to.add(wide), to.add(2 * wide));
                L::store(total, L::add(L::load(total), sum));
                L::store(all, L::add(L::load(all), squares));
            }
            first = false;
        }
    }
}

/// Sum of each channel, `[channels]`.
pub(crate) fn channel_sums(path: Path, x: &[f32], map: Map) -> Vec<f32> {
    let units = Units::new(map);
    let wide = map.channels.next_multiple_of(LANES);
    let mut sums = Scratch::new(units.blocks() * wide);
    let shared = Shared::new(&mut sums);
    tasks::each(units.blocks(), x.len(), |block| {
        // SAFETY: each block has its own sums.
        unsafe { path.run(Total { x, map, units, block, sums: shared.at(block * wide) }) };
    });
    (0..map.channels)
        .map(|c| sums.iter().skip(c).step_by(wide).map(|x| f64::from(*x)).sum::<f64>() as f32)
        .collect()
}

struct Total<'a> {
    x: &'a [f32],
    map: Map,
    units: Units,
    block: usize,
    sums: *mut f32,
}

impl Kernel for Total<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `x` holds `map`, and the block is one of `units`.
    /// `sums` is writable, by this task alone, for a line of the channels, rounded up to whole
    /// vectors.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        let channels = self.map.channels;
        self.sums.write_bytes(0, channels.next_multiple_of(LANES));
        for unit in self.units.of(self.block) {
            for channel in (0..channels).step_by(LANES) {
                let count = (channels - channel).min(LANES);
                let from = self.x.as_ptr().add(unit.start * channels + channel);
                let mut sum = L::zero();
                for pixel in 0..unit.len() {
                    sum = L::add(sum, L::load_some(from.add(pixel * channels), count));
                }
                let to = self.sums.add(channel);
                L::store(to, L::add(L::load(to), sum));
            }
        }
    }
}
