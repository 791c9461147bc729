//! The metrics of classification: one metric, one file.

mod accuracy;
mod agreement;
mod brier;
mod calibration_error;
mod divergence;
mod likelihood;

pub use accuracy::TopK;
pub use agreement::TeacherAgreement;
pub use brier::Brier;
pub use calibration_error::{Bin, CalibrationError};
pub use divergence::TeacherDivergence;
pub use likelihood::NegativeLogLikelihood;
