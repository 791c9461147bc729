//! The fields of architectures that a recipe may set.

use serde::{Deserialize, Serialize};

use super::Shortcut;
use crate::NormKind;

/// The list of fields; which of them a network has, its family says ([`Architecture::named`](super::Architecture::named)).
macro_rules! overrides {
    ($($(#[$docs:meta])* $field:ident: $kind:ty,)*) => {
        /// Fields that a recipe may set over those of the named network.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Overrides {
            $(
                $(#[$docs])*
                #[serde(skip_serializing_if = "Option::is_none")]
                pub $field: Option<$kind>,
            )*
        }

        impl Overrides {
            /// A field that is set, by name and value as a recipe writes it.
            pub(super) fn left(&self) -> Option<(&'static str, String)> {
                $(
                    if let Some(value) = &self.$field {
                        return Some((stringify!($field), as_written(value)));
                    }
                )*
                None
            }
        }
    };
}

overrides! {
    /// VGG: output channels of each convolution of each block.
    blocks: Vec<Vec<usize>>,
    /// All but perceptrons: kind of batch norm, `running` or `batch` statistics.
    norm: NormKind,
    /// Perceptron: units of each hidden layer.
    hidden: Vec<usize>,
    /// Probability of dropout, where the network has any.
    dropout: f64,
    /// Perceptron: probability of dropout of input pixels.
    input_dropout: f64,
    /// Residual networks for CIFAR: `a` or `b`.
    shortcut: Shortcut,
}

fn as_written(value: &(impl std::fmt::Debug + Serialize)) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        _ => format!("{value:?}"),
    }
}
