//! What networks compute in.

use burn::tensor::{Device, FloatDType};
use serde::{Deserialize, Serialize};

use super::Resolved;
use crate::DriverError;

/// What convolutions and products are computed in while a network learns, and its teacher's answers with them.
/// Weights, their gradients, norms and losses are in single precision always, and so is every evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// Single precision. On `cuda` Burn 0.22 multiplies as in `tf32`, and has no switch for it.
    #[default]
    F32,
    /// Single precision whose factors are rounded to ten bits of mantissa. `cuda` only.
    Tf32,
    /// Eight bits of exponent, as in single precision, and seven of mantissa.
    Bf16,
    /// Five bits of exponent and ten of mantissa. The loss is scaled so that gradients do not vanish, and a step
    /// whose gradients overflow is left out.
    F16,
}

impl Compute {
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

    /// Those that a device of the backend `backend` computes in.
    pub fn of_device(backend: &str, device: &Device) -> Vec<Self> {
        let can = |compute: &Self| match compute {
            Self::F32 => true,
            Self::Tf32 => backend == "cuda",
            Self::Bf16 | Self::F16 => device.supports_dtype(compute.dtype()),
        };
        [Self::F32, Self::Tf32, Self::Bf16, Self::F16].into_iter().filter(can).collect()
    }

    /// Whether numbers are those of single precision.
    pub(crate) fn is_single(self) -> bool {
        self.dtype() == FloatDType::F32
    }

    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Resolved {
    /// Checks what needs the device: what it can compute in.
    ///
    /// # Errors
    /// [`DriverError`] naming file, field, value and what was expected.
    pub fn check_device(&self, backend: &str, device: &Device) -> Result<(), DriverError> {
        let can = Compute::of_device(backend, device);
        let trained = self.singles().filter(|(_, single)| single.epochs > 0);
        for (_, single) in trained {
            let precision = single.optimizer.precision;
            if !can.contains(&precision) {
                let names: Vec<&str> = can.iter().map(|compute| compute.name()).collect();
                let expected =
                    format!("{}, which this device of `{backend}` has", names.join(" or "));
                let field = format!("{}: optimizer.precision", single.table);
                return Err(DriverError::field(&self.file, &field, precision.name(), &expected));
            }
        }
        Ok(())
    }
}
