#![doc = include_str!("../README.md")]

mod again;
mod answer;
mod calibration;
mod classes;
mod curves;
mod examples;
mod figures;
mod finished;
mod knowledge;
mod metrics;
mod models;
mod page;
mod plot;

use std::path::{Path, PathBuf};

pub use distill_driver::DriverError;
pub use metrics::{TensorBoard, write_csv};

use finished::Finished;

/// Its name in a run's folder.
pub const REPORT: &str = "report.html";

/// Writes `report.html` into the folder of a finished run, and says where it lies.
///
/// # Errors
/// [`DriverError`] where the folder is no finished run, or cannot be written.
pub fn write(run: &Path) -> Result<PathBuf, DriverError> {
    let page = page::html(&Finished::read(run)?).into_string();
    let path = run.join(REPORT);
    distill_driver::write_atomic(&path, page.as_bytes())?;
    Ok(path)
}
