//! The metrics of classification: one metric, one file.

mod accuracy;
mod agreement;
mod balanced_accuracy;
mod brier;
mod calibration_error;
mod divergence;
mod likelihood;
mod macro_f1;

pub use accuracy::TopK;
pub use agreement::TeacherAgreement;
pub use balanced_accuracy::BalancedAccuracy;
pub use brier::Brier;
pub use calibration_error::{Bin, CalibrationError};
pub use divergence::TeacherDivergence;
pub use likelihood::NegativeLogLikelihood;
pub use macro_f1::MacroF1;
