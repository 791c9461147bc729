//! Kernels on slices of memory, channels last.
#![allow(unsafe_code, reason = "vector instructions, and threads that write parts of one result")]
#![allow(
    unsafe_op_in_unsafe_fn,
    reason = "kernels are unsafe from end to end; each says what it asks"
)]
#![expect(clippy::needless_range_loop, reason = "indices are places in a tile")]
#![expect(clippy::too_many_arguments, reason = "a register tile is what its arguments say")]

pub(crate) mod conv;
pub(crate) mod depthwise;
pub(crate) mod direct;
pub(crate) mod dropout;
pub(crate) mod finish;
pub(crate) mod lanes;
pub(crate) mod map;
pub(crate) mod memory;
pub(crate) mod norm;
pub(crate) mod panels;
pub(crate) mod path;
pub(crate) mod peak;
pub(crate) mod shape;
pub(crate) mod shared;
pub(crate) mod tasks;
#[cfg(test)]
mod tests;
pub(crate) mod tile;
pub(crate) mod winograd;
pub(crate) use memory::Numbers;
pub use memory::poison;
pub use path::Path;
pub use peak::measured_peak;
