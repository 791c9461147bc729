//! Square windows, of convolutions and pooling.

/// A square window that moves over the maps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    /// Kernel size: rows and columns, at least 1.
    pub(crate) kernel: usize,
    /// Step, at least 1.
    pub(crate) stride: usize,
    /// Pixels around the map.
    pub(crate) padding: usize,
}

impl Window {
    /// `[height, width]` of the result, or what is wrong with the input's.
    pub(crate) fn shape(&self, [height, width]: [usize; 2]) -> Result<[usize; 2], String> {
        let Self { kernel, stride, padding } = *self;
        if kernel == 0 || stride == 0 {
            return Err(format!("a window of {kernel}x{kernel} in steps of {stride}"));
        }
        let side = |side: usize| {
            let room = (side + 2 * padding).checked_sub(kernel);
            room.map(|room| room / stride + 1).ok_or_else(|| {
                format!("a map of {height}x{width} under a window of {kernel}x{kernel}")
            })
        };
        Ok([side(height)?, side(width)?])
    }
}
