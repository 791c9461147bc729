//! Modules of the operations that have weights or behave differently in training.

use burn::{
    module::Module,
    nn::{Dropout, Linear, conv::Conv2d},
};

use crate::norm::Norm;

/// Module of an operation.
#[derive(Module, Debug)]
pub(crate) enum Layer {
    Conv(Conv2d),
    Norm(Norm),
    Linear(Linear),
    Dropout(Dropout),
}
