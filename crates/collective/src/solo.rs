//! One process alone.

use crate::{Collective, CollectiveError};

/// One process alone, whose sums are its own numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Solo;

impl Collective for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn world(&self) -> usize {
        1
    }

    fn sum(&self, _values: &mut [f64]) -> Result<(), CollectiveError> {
        Ok(())
    }
}
