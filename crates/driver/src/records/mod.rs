//! Records of a run: what each stage was made from and gave, model cards, `run.json`.

mod card;
mod label_noise;
mod preprocessor;
mod run;
mod stage;

pub(crate) use card::check_size;
pub use card::{ExportedFile, ModelCard};
pub(crate) use label_noise::LABEL_NOISE;
pub use label_noise::{DoubtfulLabel, LabelNoiseRecord};
pub use preprocessor::ForeignPreprocessing;
pub(crate) use run::{BURN, device_name, lock, prepare};
pub use run::{DatasetRecord, Host, RunRecord};
pub(crate) use stage::weights_identity;
pub use stage::{ClassRecord, PeerRecord, StageRecord, TestRecord};
