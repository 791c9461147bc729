//! Precision of the forward and backward passes.

use burn::tensor::{Device, FloatDType};
use serde::{Deserialize, Serialize};

use crate::Capabilities;

/// What convolutions and products are computed in while a network learns, and its teacher's outputs with them.
/// Weights, their gradients, norms and losses are in single precision always, and so is every evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Single precision. On `cuda` Burn 0.22 multiplies as in `tf32`, and has no switch for it.
    #[default]
    F32,
    /// Single precision whose factors are rounded to ten bits of mantissa. `cuda` only.
    Tf32,
    /// Eight bits of exponent, as in single precision, and seven of mantissa.
    Bf16,
    /// Five bits of exponent and ten of mantissa. The loss is scaled so that gradients do not vanish, and a step
    /// whose gradients overflow is skipped.
    F16,
}

impl Precision {
    /// The type of the numbers.
    pub fn dtype(self) -> FloatDType {
        match self {
            Self::F32 | Self::Tf32 => FloatDType::F32,
            Self::Bf16 => FloatDType::BF16,
            Self::F16 => FloatDType::F16,
        }
    }

    /// Its name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Tf32 => "tf32",
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
        }
    }

    /// Those that a device computes in, whose backend has these capabilities.
    pub fn of_device(capabilities: Capabilities, device: &Device) -> Vec<Self> {
        let mut all = vec![Self::F32, Self::Tf32, Self::Bf16, Self::F16];
        all.retain(|compute| match compute {
            Self::F32 => true,
            Self::Tf32 => capabilities.tf32,
            Self::Bf16 | Self::F16 => device.supports_dtype(compute.dtype()),
        });
        all
    }

    /// Whether numbers are those of single precision.
    pub(crate) fn is_single(self) -> bool {
        self.dtype() == FloatDType::F32
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
