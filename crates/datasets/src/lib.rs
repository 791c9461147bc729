#![doc = include_str!("../README.md")]

mod archive;
pub mod augment;
mod batch;
pub mod catalogue;
pub mod cifar;
mod dataset;
pub mod digits;
mod error;
mod fetch;
pub mod folder;
mod idx;
pub mod keyed;
mod load;
mod loader;

pub use augment::Augment;
pub use batch::{Batch, HostBatch};
pub use dataset::{Dataset, ImageSet, ImageShape, Normalisation, SourceFile};
pub use error::DataError;
pub use fetch::{Progress, fetch};
pub use idx::read_idx;
pub use load::{DATASETS, DatasetInfo, LoadConfig, load, unknown};
pub use loader::{Epoch, Loader};
