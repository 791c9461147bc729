//! Maps with zeros around them, for windows over few channels: a row of the window is then one run
//! in memory, and as good as a window of one pixel with more channels.

use rayon::prelude::*;

use crate::cpu::{map::Map, memory::Scratch, shape::Shape};

/// Numbers of a window's row up to which it is worth copying the map.
const ROW: usize = 64;

/// Whether the convolution's maps are padded and the rows of its windows taken as one.
pub(super) fn is_folded(shape: Shape) -> bool {
    shape.groups == 1 && shape.kernel > 1 && shape.kernel * shape.inputs <= ROW
}

/// The map with `shape.padding` zeros on every side.
pub(super) fn pad(x: &[f32], map: Map, shape: Shape) -> (Scratch, Map) {
    let padding = shape.padding;
    let padded = Map { height: map.height + 2 * padding, width: map.width + 2 * padding, ..map };
    let mut values = Scratch::new(padded.length());
    let row = map.width * map.channels;
    let one = padded.length() / padded.batch;
    values.par_chunks_exact_mut(one).enumerate().for_each(|(image, values)| {
        values.fill(0.0);
        for y in 0..map.height {
            let (from, to) = (map.at(image, y, 0), padded.at(0, y + padding, padding));
            values[to..to + row].copy_from_slice(&x[from..from + row]);
        }
    });
    (values, padded)
}
