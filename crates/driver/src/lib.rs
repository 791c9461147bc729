#![doc = include_str!("../README.md")]

mod cache;
mod checkpoint;
mod classifier;
mod clip;
mod cluster;
mod compare;
mod error;
pub mod evaluate;
pub mod evidence;
mod export;
mod files;
mod learner;
mod max_norm;
mod memory;
pub mod metrics;
mod observer;
mod pipeline;
pub mod recipe;
mod report;
mod run_folder;
mod stage;
mod teacher;
mod train;
mod view;

pub use cache::{
    AnswerCache, CacheEntry, CacheFault, CacheRecord, Cleared, Filling, cache_clear, cache_list,
    cache_verify,
};
pub use checkpoint::Best;
pub use classifier::{Classifier, is_onnx};
pub use compare::{
    ClassFigures, Comparison, Difference, Figure, Group, MissingFigures, ModelFigures, Over,
};
pub use error::DriverError;
pub use export::{ExportCard, ExportConfig, ExportFormat, Origin, export};
pub use files::write_atomic;
pub use learner::Learner;
pub use observer::{Event, Observer, Silent};
pub use pipeline::{EVALUATION_BATCH, Forecast, RunConfig, StageForecast, forecast, run};
pub use report::{ClassReport, ModelReport, Models, ObjectiveReport, Report, TestReport};
pub use run_folder::{DatasetRecord, Host, RunRecord};
pub use stage::{ClassRecord, ExportedFile, ModelCard, PeerRecord, Stage, StageRecord, TestRecord};
pub use teacher::{Answers, Teacher};
pub use train::{Trained, Training};
pub use view::View;
