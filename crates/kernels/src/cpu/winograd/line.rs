//! Rows of tiles, transformed. Down the columns first, once for the columns that two tiles share, into a
//! buffer; then along the rows, tile by tile.

use super::transform::{Line, Tiling};
use crate::cpu::{
    lanes::{LANES, Lanes},
    map::Map,
};

/// What is transformed.
pub(super) trait Side {
    /// Zeros around it.
    const PADDING: usize;

    /// Numbers of a tile's side that are taken.
    fn taken<T: Tiling>() -> usize;

    /// The transform of a line.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn line<T: Tiling, L: Lanes>(line: Line<L::V>) -> Line<L::V>;
}

/// Maps: Bᵀ d B.
pub(super) struct Maps;

impl Side for Maps {
    const PADDING: usize = 1;

    #[inline(always)]
    fn taken<T: Tiling>() -> usize {
        T::IN
    }

    #[inline(always)]
    unsafe fn line<T: Tiling, L: Lanes>(line: Line<L::V>) -> Line<L::V> {
        T::map::<L>(line)
    }
}

/// Gradients of outputs: A y Aᵀ.
pub(super) struct Gradients;

impl Side for Gradients {
    const PADDING: usize = 0;

    #[inline(always)]
    fn taken<T: Tiling>() -> usize {
        T::OUT
    }

    #[inline(always)]
    unsafe fn line<T: Tiling, L: Lanes>(line: Line<L::V>) -> Line<L::V> {
        T::gradient::<L>(line)
    }
}

/// Numbers of the buffer that [`transform`] needs.
pub(super) fn buffer<T: Tiling>(across: usize) -> usize {
    T::IN * (across * T::OUT + 2) * LANES
}

/// Transforms a row of tiles: `across` of them, the first one's output at row `top` of map `image`.
/// Sixteen channels of a tile are stored in a line of `to`; the tiles lie `deep` numbers apart and
/// their positions `stride`.
///
/// # Safety
/// The CPU has the instructions of `L`. `x` holds `map`, in which the row of tiles begins. `buffer`
/// is writable for [`buffer`] numbers and, by this task alone, `to` for the tiles at each of their
/// positions: the channels rounded up to whole vectors.
#[inline(always)]
pub(super) unsafe fn transform<S: Side, T: Tiling, L: Lanes>(
    x: &[f32],
    map: Map,
    (image, top): (usize, usize),
    across: usize,
    buffer: *mut f32,
    (to, deep, stride): (*mut f32, usize, usize),
) {
    let taken = S::taken::<T>();
    let columns = across * T::OUT + 2 * S::PADDING;
    for channel in (0..map.channels).step_by(LANES) {
        let count = (map.channels - channel).min(LANES);
        for column in 0..columns {
            let at = column.wrapping_sub(S::PADDING);
            let mut line = [L::zero(); 6];
            if at < map.width {
                for row in 0..taken {
                    let y = (top + row).wrapping_sub(S::PADDING);
                    if y < map.height {
                        let from = map.at(image, y, at) + channel;
                        line[row] = L::load_some(x.as_ptr().add(from), count);
                    }
                }
                line = S::line::<T, L>(line);
            }
            for row in 0..T::IN {
                L::store(buffer.add((row * columns + column) * LANES), line[row]);
            }
        }
        for tile in 0..across {
            let to = to.add(tile * deep + channel);
            for row in 0..T::IN {
                let from = buffer.add((row * columns + tile * T::OUT) * LANES);
                let mut line = [L::zero(); 6];
                for column in 0..taken {
                    line[column] = L::load(from.add(column * LANES));
                }
                let line = S::line::<T, L>(line);
                for column in 0..T::IN {
                    L::store(to.add((row * T::IN + column) * stride), line[column]);
                }
            }
        }
    }
}
