//! What the steps of a network do. An operation is one file here and one row of [`Op`].

mod activation;
mod add;
mod average_pool;
mod batch_norm;
mod channels;
mod concat;
mod conv;
mod dropout;
mod flatten;
mod global_average_pool;
mod input;
mod layer;
mod linear;
mod max_pool;
#[cfg(feature = "onnx")]
mod onnx;
mod operation;
mod pad;
mod pad_shortcut;
mod parameter;
mod shuffle;
mod window;

pub(crate) use add::Add;
pub(crate) use average_pool::AveragePool;
pub(crate) use batch_norm::BatchNorm;
pub(crate) use channels::Channels;
pub(crate) use concat::Concat;
pub(crate) use conv::Conv;
pub(crate) use distill_kernels::Activation;
pub(crate) use dropout::Dropout;
pub(crate) use flatten::Flatten;
pub(crate) use global_average_pool::GlobalAveragePool;
pub(crate) use input::Input;
pub(crate) use layer::Layer;
pub(crate) use linear::Linear;
pub(crate) use max_pool::MaxPool;
#[cfg(feature = "onnx")]
pub(crate) use onnx::{OnnxNodes, OnnxStep};
pub(crate) use operation::{Call, Operation, Saved};
pub(crate) use pad::Pad;
pub(crate) use pad_shortcut::PadShortcut;
pub(crate) use parameter::{Draw, Parameter};
pub(crate) use shuffle::Shuffle;
pub(crate) use window::Window;

/// The enum of these operations, which leads to what each one says of itself.
macro_rules! operations {
    ($($operation:ident),+ $(,)?) => {
        /// The operation of a step.
        #[derive(Debug, Clone, PartialEq)]
        pub(crate) enum Op {
            $(
                #[doc = concat!("[`", stringify!($operation), "`].")]
                $operation($operation),
            )+
        }

        impl std::ops::Deref for Op {
            type Target = dyn Operation;

            fn deref(&self) -> &Self::Target {
                match self {
                    $(Self::$operation(operation) => operation,)+
                }
            }
        }
    };
}

operations! {
    Input,
    Conv,
    BatchNorm,
    Linear,
    Dropout,
    Activation,
    MaxPool,
    AveragePool,
    GlobalAveragePool,
    Flatten,
    Add,
    Concat,
    Channels,
    Shuffle,
    Pad,
    PadShortcut,
}
