//! Weights packed for the products: columns side by side, as many as a register tile is wide.

use super::{lanes::LANES, path::Path};

/// How a matrix `[depth, columns]` lies in panels: panel by panel, row by row. Columns are filled up
/// to whole vectors; the last panel is narrower where they do not fill it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Panels {
    pub(crate) depth: usize,
    /// Columns with those that fill the last vector.
    pub(crate) padded: usize,
    /// Columns of a full panel.
    pub(crate) width: usize,
}

impl Panels {
    pub(crate) fn new(path: Path, depth: usize, columns: usize) -> Self {
        Self { depth, padded: columns.next_multiple_of(LANES), width: path.panel() }
    }

    /// Numbers in all panels.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.depth * self.padded
    }

    /// Number of panels.
    #[inline(always)]
    pub(crate) fn count(&self) -> usize {
        self.padded.div_ceil(self.width)
    }

    /// Columns of a panel.
    #[inline(always)]
    pub(crate) fn columns(&self, panel: usize) -> usize {
        self.width.min(self.padded - panel * self.width)
    }

    /// Where a panel begins.
    #[inline(always)]
    pub(crate) fn start(&self, panel: usize) -> usize {
        self.depth * panel * self.width
    }

    /// Where the element of this row and column is.
    #[inline(always)]
    pub(crate) fn at(&self, row: usize, column: usize) -> usize {
        let panel = column / self.width;
        self.start(panel) + row * self.columns(panel) + column % self.width
    }
}
