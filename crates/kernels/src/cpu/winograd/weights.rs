//! Windows of three, transformed and packed into the panels that the products take.

use super::{Direction, transform::Tiling};
use crate::cpu::{
    lanes::{LANES, Lanes},
    memory::Numbers,
    panels::Panels,
    path::{Kernel, Path},
    shared::Shared,
    tasks,
};

/// Transformed windows: `[positions, depth, columns]`, the last two in panels.
///
/// `weights` are `[outputs, inputs, 3, 3]`. Forward, the depth is the inputs and the columns are the
/// outputs. Backward it is the other way round and the windows are turned by half a circle, which
/// takes gradients of the output to gradients of the map.
pub(crate) fn pack<T: Tiling>(
    path: Path,
    weights: &[f32],
    outputs: usize,
    inputs: usize,
    direction: Direction,
) -> Numbers {
    let (depth, columns) = match direction {
        Direction::Forward => (inputs, outputs),
        Direction::Backward => (outputs, inputs),
    };
    let panels = Panels::new(path, depth, columns);
    let mut packed = Numbers::new(T::IN * T::IN * panels.length());
    let shared = Shared::new(&mut packed);
    let blocks = columns.div_ceil(LANES);
    tasks::each(blocks, weights.len(), |block| {
        let task = Pack::<T> {
            weights,
            inputs,
            panels,
            columns: block * LANES..columns.min((block + 1) * LANES),
            direction,
            packed: shared,
            tiling: std::marker::PhantomData,
        };
        // SAFETY: each task writes the columns of its own block, in memory made above.
        unsafe { path.run(task) };
    });
    packed
}

struct Pack<'a, T> {
    weights: &'a [f32],
    inputs: usize,
    panels: Panels,
    columns: std::ops::Range<usize>,
    direction: Direction,
    packed: Shared,
    tiling: std::marker::PhantomData<T>,
}

impl<T: Tiling> Kernel for Pack<'_, T> {
    type Output = ();

    /// # Safety
    /// The CPU has the instructions of `L`. `weights` hold a window of nine for each of the
    /// `panels`' rows and columns. At most sixteen `columns` begin at a whole vector; `packed`
    /// holds panels for every position, in which no other task touches them.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) {
        for k in 0..self.panels.depth {
            // One window for each of the block's columns, tap by tap.
            let mut taps = [[0.0_f32; LANES]; 9];
            for (lane, column) in self.columns.clone().enumerate() {
                let at = match self.direction {
                    Direction::Forward => column * self.inputs + k,
                    Direction::Backward => k * self.inputs + column,
                };
                let window = self.weights.get_unchecked(9 * at..9 * at + 9);
                for (tap, weight) in window.iter().enumerate() {
                    let turned = match self.direction {
                        Direction::Forward => tap,
                        Direction::Backward => 8 - tap,
                    };
                    taps[turned][lane] = *weight;
                }
            }
            let zero = L::zero();
            // Down the columns of the window, then along the rows.
            let mut half = [[zero; 6]; 3];
            for x in 0..3 {
                let mut line = [zero; 6];
                for y in 0..3 {
                    line[y] = L::load(taps[3 * y + x].as_ptr());
                }
                half[x] = T::window::<L>(line);
            }
            for y in 0..T::IN {
                let line = [half[0][y], half[1][y], half[2][y], zero, zero, zero];
                let line = T::window::<L>(line);
                for x in 0..T::IN {
                    let position = y * T::IN + x;
                    let at = self.panels.at(k, self.columns.start);
                    L::store(self.packed.at(position * self.panels.length() + at), line[x]);
                }
            }
        }
    }
}
