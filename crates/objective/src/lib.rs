#![doc = include_str!("../README.md")]

mod config;
mod connect;
mod contrast;
mod distributions;
mod ensemble;
mod error;
mod features;
mod formula;
mod info;
mod logits;
mod objective;
mod places;
mod range;
mod schedule;
mod series;
mod signals;
mod softened;
mod specialists;
mod taps;
mod term;
mod terms;

pub use connect::{Connector, Connectors, Conv, Initial, Layer, Linear, Norm};
pub use contrast::{Contrast, Negatives};
pub use ensemble::{Average, ensemble_logits};
pub use error::{ConfigError, SignalError};
pub use info::TermInfo;
pub use logits::top_k::Remainder;
pub use objective::{Evaluation, Objective, TermValue};
pub use places::{Places, Rule};
pub use schedule::Schedule;
pub use signals::Signals;
pub use softened::{log_softmax_at, soft_target_kl, standardise};
pub use specialists::{Specialist, specialist_logits};
pub use taps::{FeatureValues, Features, TapShape};
pub use term::{Inputs, Term};
pub use terms::*;
