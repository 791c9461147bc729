//! A stage's record: what it was made from and what it gave.

use std::{collections::BTreeMap, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use distill_models::{Cost, Network};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    DriverError, Stage,
    evaluation::{Calibration, Latency, MissingClasses, Scores},
    store::require,
    training::{Best, Precision},
};

/// `stage.json`: written when a stage is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRecord {
    /// sha256 of `inputs`.
    pub fingerprint: String,
    /// Everything that the result depends on.
    pub inputs: serde_json::Value,
    /// Name of the network.
    pub model: String,
    /// Its parameters and multiply-accumulates.
    pub cost: Cost,
    /// Size of the weights' file, bytes.
    pub bytes: u64,
    /// Epochs it was trained for; 0 where weights were given.
    pub epochs: usize,
    /// Epochs of its recipe, where it stopped early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_epochs: Option<usize>,
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// Training throughput in images/s, without the first steps of each process; `None` for a pretrained network.
    pub images_per_second: Option<f64>,
    /// Seconds of these that went by waiting for batches.
    #[serde(default)]
    pub waiting_seconds: f64,
    /// Seconds of the teacher's forward passes in training; 0 with a teacher cache.
    #[serde(default)]
    pub teacher_seconds: f64,
    /// Batches skipped for a NaN or infinite loss or gradient.
    #[serde(default)]
    pub skipped: u64,
    /// The selected epoch; `None` for a pretrained network.
    pub selected: Option<Best>,
    /// sha256 of `selected.bpk`; empty for an ensemble, which has no weights of its own.
    pub selected_sha256: String,
    /// sha256 of `last.bpk`; empty as above.
    pub last_sha256: String,
    /// sha256 of the weights after epochs that another network learns from.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub kept_sha256: BTreeMap<usize, String>,
    /// Networks that learnt together with it, in the recipe's order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<PeerRecord>,
}

/// What a stage's training left of a network that learnt together with its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerRecord {
    /// The selected epoch.
    pub selected: Best,
    /// sha256 of its weights.
    pub selected_sha256: String,
    /// sha256 of the weights after the last epoch.
    pub last_sha256: String,
}

impl StageRecord {
    /// The record of a stage that trained nothing, before its name and files are known.
    pub(crate) fn untrained(fingerprint: String, inputs: serde_json::Value, cost: Cost) -> Self {
        Self {
            fingerprint,
            inputs,
            model: String::new(),
            cost,
            bytes: 0,
            epochs: 0,
            planned_epochs: None,
            seconds: 0.0,
            images_per_second: None,
            waiting_seconds: 0.0,
            teacher_seconds: 0.0,
            skipped: 0,
            selected: None,
            selected_sha256: String::new(),
            last_sha256: String::new(),
            kept_sha256: BTreeMap::new(),
            peers: Vec::new(),
        }
    }

    /// What its network was trained in.
    pub(crate) fn precision(&self) -> Precision {
        let written = self.inputs["optimizer"].get("precision");
        written.and_then(|value| serde_json::from_value(value.clone()).ok()).unwrap_or_default()
    }

    /// The record of a stage that is done.
    pub(crate) fn of_run(run: &Path, stage: Stage) -> Result<Self, DriverError> {
        require(&stage.folder(run), "stage.json")
    }
}

/// `test.json`: a stage's network evaluated on the test split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// Fingerprints of the stage and of the stages that it is compared with, and the epoch of its teacher.
    pub of: Vec<String>,
    /// After the last epoch.
    pub last: Scores,
    /// Of the selected epoch.
    pub selected: Scores,
    /// After the last epoch; none in records of earlier versions.
    #[serde(default)]
    pub calibration: Option<Calibration>,
    /// Each class after the last epoch, in the order of the logits.
    #[serde(default)]
    pub classes: Vec<ClassRecord>,
    /// After the last epoch: number of images of the row's class that are classified as the column's; none of many
    /// classes, and in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Vec<Vec<usize>>>,
    /// Baseline and student of a recipe that leaves out classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingClasses>,
    /// Of the last epoch's network; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
}

/// One class of the test split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRecord {
    /// Its images.
    pub images: usize,
    /// Those that are right.
    pub right: usize,
    /// Images that are classified as it, rightly or not; none in records of earlier versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted: Option<usize>,
    /// Student only: those that are right and were wrong with the baseline.
    pub gained: usize,
    /// Student only: those that are wrong and were right with the baseline.
    pub lost: usize,
}

/// Identity of a network's numbers, whatever ids its parameters were given.
pub(crate) fn weights_identity(network: &Network) -> String {
    struct Collect(Sha256);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            for value in param.val().into_data().iter::<f32>() {
                self.0.update(value.to_le_bytes());
            }
        }
    }
    let mut collect = Collect(Sha256::new());
    network.visit(&mut collect);
    hex::encode(collect.0.finalize())
}
