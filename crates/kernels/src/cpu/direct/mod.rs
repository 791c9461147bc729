//! Convolutions as sums over the window's pixels, of any window, stride and number of groups. The
//! products read the maps where they lie, through a pointer for each pixel of the window.

mod forward;
mod gradient;
mod padded;
mod windows;

pub(crate) use forward::{forward, map_gradient, pack_forward};
pub(crate) use gradient::weight_gradient;
