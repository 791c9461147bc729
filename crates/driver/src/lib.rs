#![doc = include_str!("../README.md")]

mod capabilities;
mod class_names;
mod classifier;
mod cluster;
mod compare;
mod error;
pub mod evaluation;
pub mod evidence;
mod export;
mod memory;
pub mod metrics;
mod observer;
mod pipeline;
mod preprocessing;
pub mod recipe;
mod records;
mod remarks;
mod report;
mod stage;
mod store;
mod task;
pub mod teacher;
pub mod training;
mod usual;

pub use capabilities::Capabilities;
pub use class_names::match_classes;
pub use classifier::{Classifier, is_onnx, onnx_image};
pub use compare::{
    ClassFigures, Comparison, Difference, Figure, Group, MissingFigures, ModelFigures, Over,
};
pub use error::DriverError;
pub use export::{
    Better, ExportCard, ExportConfig, ExportFormat, Origin, better_than, export, export_folder,
    export_stage,
};
pub use observer::{Event, Observer, Silent};
pub use pipeline::{
    DataForecast, EVALUATION_BATCH, Forecast, RunConfig, SplitForecast, StageForecast, forecast,
    run,
};
pub use preprocessing::{ImagePreprocessing, Preprocessing};
pub use records::{
    ClassRecord, DatasetRecord, DoubtfulLabel, ExportedFile, ForeignPreprocessing, Host,
    LabelNoiseRecord, ModelCard, PeerRecord, RunRecord, StageRecord, TestRecord,
};
pub use remarks::{Reason, Remark};
pub use report::{ClassReport, ModelReport, Models, ObjectiveReport, Report, TestReport};
pub use stage::Stage;
pub use store::{Weights, write_atomic};
pub use usual::UsualPreprocessing;
