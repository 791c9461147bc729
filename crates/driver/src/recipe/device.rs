//! What a recipe asks of the device.

use burn::tensor::Device;

use super::Plan;
use crate::{Capabilities, DriverError, training::Precision};

impl Plan {
    /// Checks what needs the device: what it can compute in.
    ///
    /// # Errors
    /// [`DriverError`] naming file, field, value and what was expected.
    pub fn check_device(
        &self,
        backend: &str,
        capabilities: Capabilities,
        device: &Device,
    ) -> Result<(), DriverError> {
        let can = Precision::of_device(capabilities, device);
        for (stage, training) in self.trained() {
            let precision = training.optimizer.precision;
            if !can.contains(&precision) {
                let names: Vec<&str> = can.iter().map(|compute| compute.name()).collect();
                let expected =
                    format!("{}, which this device of `{backend}` has", names.join(" or "));
                let field = format!("{}: optimizer.precision", stage.table());
                return Err(DriverError::field(&self.file, &field, precision.name(), &expected));
            }
        }
        Ok(())
    }
}
