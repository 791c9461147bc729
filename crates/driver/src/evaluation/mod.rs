//! Evaluation of a network on data it was not trained on: metrics, calibration, latency.

mod calibration;
mod class_counts;
mod classes;
mod latency;
pub mod metric;
pub mod metrics;
mod missing;
mod predictions;
mod scores;
mod softmax;
mod stream;
mod teacher_signal;

pub use calibration::Calibration;
pub use class_counts::ClassScores;
pub use classes::{CONFUSION_CLASSES, Evaluation, NamedScores};
pub use latency::Latency;
pub use metric::{Metric, Rows};
pub use metrics::Bin;
pub use missing::{MissingClasses, Shifted};
pub use predictions::Predictions;
pub use scores::Scores;
pub use softmax::{log_softmax, softmax};
pub(crate) use stream::check_classes;
pub use stream::evaluate;
pub use teacher_signal::TeacherSignal;
