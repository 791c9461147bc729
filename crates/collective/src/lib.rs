#![doc = include_str!("../README.md")]

mod solo;

use std::fmt::Debug;

use thiserror::Error;

pub use solo::Solo;

/// Processes that work on one training together.
pub trait Collective: Debug {
    /// Number of this process, from 0.
    fn rank(&self) -> usize;

    /// Number of processes, at least 1.
    fn world(&self) -> usize;

    /// Sums over all processes, number by number: every process gets the same bits, and calls this as often as the
    /// others and with as many numbers.
    ///
    /// # Errors
    /// [`CollectiveError`] where a process is not there any more.
    fn sum(&self, values: &mut [f64]) -> Result<(), CollectiveError>;
}

/// A process that cannot go on together with the others.
#[derive(Debug, Error)]
#[error("process {rank} of {world}: {problem}")]
pub struct CollectiveError {
    /// Number of the process, from 0.
    pub rank: usize,
    /// Number of processes.
    pub world: usize,
    /// What went wrong, and what was expected.
    pub problem: String,
}
