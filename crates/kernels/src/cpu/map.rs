//! A batch of feature maps, channels last.

/// Sizes of a batch of maps that lies in memory as `[batch, height, width, channels]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Map {
    pub(crate) batch: usize,
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
}

impl Map {
    /// Pixels of all maps.
    #[inline(always)]
    pub(crate) fn pixels(&self) -> usize {
        self.batch * self.height * self.width
    }

    /// Numbers in all maps.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.pixels() * self.channels
    }

    /// Where a pixel begins.
    #[inline(always)]
    pub(crate) fn at(&self, image: usize, y: usize, x: usize) -> usize {
        ((image * self.height + y) * self.width + x) * self.channels
    }
}
