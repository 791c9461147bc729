//! The shortcuts of residual networks.

use serde::{Deserialize, Serialize};

/// What stands in for the identity where a block changes the size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Shortcut {
    /// Every second pixel, and channels of zeros: no parameters.
    A,
    /// A 1x1 convolution and batch norm.
    B,
}
