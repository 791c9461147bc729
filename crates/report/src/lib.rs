#![doc = include_str!("../README.md")]

mod again;
mod answer;
mod axes;
mod calibration;
mod canvas;
mod classes;
mod comparison;
mod confusion;
mod curves;
mod examples;
mod figures;
mod finished;
mod frame;
mod knowledge;
mod labels;
mod metrics;
mod missing;
mod models;
mod page;
mod plot;
mod squares;
mod sweep;

use std::path::{Path, PathBuf};

pub use distill_driver::{Comparison, DriverError};
pub use metrics::{TensorBoard, write_csv};
pub use sweep::{Point, PointFigures, SWEEP, Sweep, SweepRecord};

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

/// Writes a comparison of finished runs as a page into a file.
///
/// # Errors
/// [`DriverError::Io`].
pub fn write_comparison(comparison: &Comparison, file: &Path) -> Result<(), DriverError> {
    distill_driver::write_atomic(file, comparison::html(comparison).into_string().as_bytes())
}
