//! A norm's forward pass.

use super::{
    Layer,
    units::{Rows, Units},
};
use crate::cpu::{
    lanes::{LANES, Lanes},
    memory::Numbers,
    path::{Kernel, Path},
    shared::Shared,
    tasks,
};

/// The layer's output. A residual has the shape of `x` and is not pooled away: with one, the layer
/// does not pool.
pub(crate) fn apply(path: Path, layer: &Layer, x: &[f32], residual: Option<&[f32]>) -> Numbers {
    let mut y = Numbers::new(layer.output().length());
    let out = Shared::new(&mut y);
    let (units, rows) = (Units::new(layer.map), Rows::new(layer.map));
    let blocks = if layer.pool { rows.blocks() } else { units.blocks() };
    tasks::each(blocks, x.len(), |block| {
        // SAFETY: each block writes its own pixels.
        unsafe { path.run(Block { layer, x, residual, units, rows, block, out }) };
    });
    y
}

struct Block<'a> {
    layer: &'a Layer,
    x: &'a [f32],
    residual: Option<&'a [f32]>,
    units: Units,
    rows: Rows,
    block: usize,
    out: Shared,
}

impl Kernel for Block<'_> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `x`, and a residual, hold the layer's map. The block is
    /// one of `units` or, with pooling, of `rows`; `out` holds the layer's output, of which no
    /// other task touches the block's pixels.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        match self.layer.pool {
            true => self.pooled::<L>(),
            false => self.plain::<L>(),
        }
    }
}

impl Block<'_> {
    /// The block's pixels, one by one.
    ///
    /// # Safety
    /// As of the kernel, for a layer that does not pool.
    #[inline(always)]
    unsafe fn plain<L: Lanes>(&self) {
        let Layer { map, activation, .. } = *self.layer;
        let channels = map.channels;
        for unit in self.units.of(self.block) {
            for channel in (0..channels).step_by(LANES) {
                let count = (channels - channel).min(LANES);
                let scale = L::load(self.layer.scale.as_ptr().add(channel));
                let shift = L::load(self.layer.shift.as_ptr().add(channel));
                for pixel in unit.clone() {
                    let at = pixel * channels + channel;
                    let x = L::load_some(self.x.as_ptr().add(at), count);
                    let mut y = L::mul_add(scale, x, shift);
                    if let Some(residual) = self.residual {
                        y = L::add(y, L::load_some(residual.as_ptr().add(at), count));
                    }
                    L::store_some(self.out.at(at), count, activation.apply::<L>(y));
                }
            }
        }
    }

    /// The largest of each 2x2 of the block's pixels.
    ///
    /// # Safety
    /// As of the kernel, for a layer that pools.
    #[inline(always)]
    unsafe fn pooled<L: Lanes>(&self) {
        let Layer { map, activation, .. } = *self.layer;
        let out = self.layer.output();
        let pairs = map.height.div_ceil(2);
        for row in self.rows.of(self.block) {
            let (image, row) = (row / pairs, row % pairs);
            if row >= out.height {
                continue;
            }
            for channel in (0..map.channels).step_by(LANES) {
                let count = (map.channels - channel).min(LANES);
                let scale = L::load(self.layer.scale.as_ptr().add(channel));
                let shift = L::load(self.layer.shift.as_ptr().add(channel));
                for column in 0..out.width {
                    let at = map.at(image, 2 * row, 2 * column) + channel;
                    let below = at + map.width * map.channels;
                    let mut values = [L::zero(); 4];
                    let places = [at, at + map.channels, below, below + map.channels];
                    for (value, at) in values.iter_mut().zip(places) {
                        let x = L::load_some(self.x.as_ptr().add(at), count);
                        *value = L::mul_add(scale, x, shift);
                    }
                    let upper = L::max(values[1], values[0]);
                    let lower = L::max(values[3], values[2]);
                    let y = activation.apply::<L>(L::max(lower, upper));
                    L::store_some(self.out.at(out.at(image, row, column) + channel), count, y);
                }
            }
        }
    }
}
