//! Tasks: kinds of data, and what is special of each. All else knows samples, rows and names.

mod images;

use std::{fmt::Debug, sync::Arc};

use burn::tensor::Device;
use distill_datasets::{Input, Source};
use distill_models::Signature;
use serde_json::Value;

pub(crate) use images::ImageTask;

use crate::{Preprocessing, Stage, recipe::SinglePlan, records::ModelCard};

/// Samples of a training, and the class of each.
#[derive(Debug)]
pub(crate) struct Samples {
    pub(crate) source: Arc<dyn Source>,
    /// By sample id.
    pub(crate) labels: Vec<u32>,
}

/// Data of one kind for the stages of a run, and what their networks take.
pub(crate) trait Task: Debug {
    /// Name of the dataset.
    fn name(&self) -> &str;

    /// Checksum of the dataset.
    fn sha256(&self) -> &str;

    /// Names of the classes.
    fn classes(&self) -> &[String];

    /// Number of training samples of the recipe.
    fn train(&self) -> usize;

    /// Class of each training sample of a stage.
    fn labels(&self, stage: Stage) -> &[u32];

    /// Of each class whether a stage is trained without it; empty for stages without a training set.
    fn missing(&self, stage: Stage) -> &[bool];

    /// Place of each training sample of a stage among those of the recipe.
    fn places(&self, stage: Stage) -> Vec<usize>;

    /// Place of the file of a training sample of the recipe in the data's folder; `None` where it has none of its own.
    fn train_file(&self, place: usize) -> Option<String>;

    /// Training samples of a stage.
    fn samples(&self, stage: Stage) -> Samples;

    /// Some of a stage's training samples, with the class that `to` has for each one's own.
    fn selected(&self, stage: Stage, chosen: &[usize], to: &[u32]) -> Samples;

    /// The first training samples of a stage.
    fn first(&self, stage: Stage, count: usize) -> Arc<dyn Source>;

    /// Samples that select the epoch.
    fn validation(&self) -> Arc<dyn Source>;

    /// Samples of the test split.
    fn test(&self) -> Arc<dyn Source>;

    /// Input preprocessing of a stage's network.
    fn preprocessing(&self, stage: Stage) -> Preprocessing;

    /// Input and output of a stage's network of so many classes.
    fn signature(&self, stage: Stage, classes: usize) -> Signature;

    /// The samples' shape, for fingerprints: its name and value.
    fn shape(&self) -> (&'static str, Value);

    /// Settings of a stage's preprocessing, for fingerprints: names and values.
    fn settings(&self, stage: Stage) -> Vec<(&'static str, Value)>;

    /// The card of a stage's network, without its files.
    fn card(&self, stage: Stage, network: &SinglePlan, classes: Vec<String>) -> ModelCard;

    /// A batch of one blank sample, whose forward pass is timed.
    fn blank(&self, device: &Device) -> Input;

    /// Memory of the data on the host, in bytes.
    fn bytes(&self) -> u64;

    /// A test sample as a PNG file.
    fn picture(&self, index: usize) -> Vec<u8>;

    /// Place of a test sample's file in the dataset's folder; `None` where it is no file of its own.
    fn file(&self, index: usize) -> Option<String>;
}
