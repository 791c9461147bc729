//! What goes into a network and comes out of it, and what it costs.

use serde::{Deserialize, Serialize};

/// What a network takes and gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// Channels of the image: 1 or 3 as a rule.
    pub channels: usize,
    /// Rows of the image.
    pub height: usize,
    /// Pixels of a row.
    pub width: usize,
    /// Number of classes, at least 2.
    pub classes: usize,
}

/// What a network costs, from its configuration alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable numbers. Running statistics are not counted, as in the literature.
    pub parameters: u64,
    /// Multiply-accumulate operations of convolutions and linear layers for one image.
    pub macs: u64,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.parameters = self.parameters.saturating_add(other.parameters);
        self.macs = self.macs.saturating_add(other.macs);
    }
}

impl Cost {
    pub(crate) fn zero() -> Self {
        Self { parameters: 0, macs: 0 }
    }
}
