//! A stage's record: what it was made from and what it gave.

use std::{collections::BTreeMap, fs, path::Path};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::Tensor,
};
use distill_datasets::{
    ImageShape, Normalisation,
    keyed::{KeyedRng, Operation},
};
use distill_models::{Architecture, Cost, Network, Signature};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    DriverError, View,
    checkpoint::Best,
    evaluate::{Calibration, MissingClasses, Scores},
    files::{read_json, sha256},
    report::require,
};

/// The three networks of a run, in the order of their making.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The one that is learnt from.
    Teacher,
    /// The student's network, trained on labels alone with the same budget.
    Baseline,
    /// The student, distilled.
    Student,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 3] = [Self::Teacher, Self::Baseline, Self::Student];

    /// Its name, which is its folder's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Baseline => "baseline",
            Self::Student => "student",
        }
    }
}

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
    /// Seconds spent in training steps.
    pub seconds: f64,
    /// Training images a second; none where weights were given.
    pub images_per_second: Option<f64>,
    /// Seconds of these that went by waiting for batches.
    #[serde(default)]
    pub waiting_seconds: f64,
    /// Seconds in which the teacher computed while the student learnt; none where its answers were kept.
    #[serde(default)]
    pub teacher_seconds: f64,
    /// Batches left out, for their loss or gradient was no number.
    #[serde(default)]
    pub skipped: u64,
    /// The selected epoch; none where weights were given.
    pub selected: Option<Best>,
    /// sha256 of `selected.bpk`.
    pub selected_sha256: String,
    /// sha256 of `last.bpk`.
    pub last_sha256: String,
}

impl StageRecord {
    /// The record of a stage that is done.
    pub(crate) fn of_run(run: &Path, stage: Stage) -> Result<Self, DriverError> {
        require(&run.join(stage.name()), "stage.json")
    }
}

/// `test.json`: what the test split said of a stage's network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// Fingerprints of the stage and of the stages that it is compared with.
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
    /// Baseline and student of a recipe that leaves out classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<MissingClasses>,
}

/// One class of the test split.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassRecord {
    /// Its images.
    pub images: usize,
    /// Those that are right.
    pub right: usize,
    /// Student only: those that are right and were wrong with the baseline.
    pub gained: usize,
    /// Student only: those that are wrong and were right with the baseline.
    pub lost: usize,
}

/// `model.json`, beside weights: enough to use them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// Name of the network.
    pub model: String,
    /// Its whole configuration.
    pub architecture: Architecture,
    /// What goes in and comes out.
    pub signature: Signature,
    /// Class names, in the order of the logits.
    pub classes: Vec<String>,
    /// Mean of each channel for pixels in `[0, 1]`.
    pub mean: Vec<f32>,
    /// Deviation of each channel.
    pub std: Vec<f32>,
    /// The data it was trained on.
    pub dataset: String,
    /// Of an export: each file of weights beside the card.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, ExportedFile>,
}

/// One exported file of weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Its size.
    pub bytes: u64,
    /// sha256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Largest difference of a logit from the student's when the file was read back.
    pub largest_difference: f64,
}

impl ModelCard {
    /// The card in the folder of `weights`, if there is one.
    ///
    /// # Errors
    /// [`DriverError`] for a damaged card.
    pub fn beside(weights: &Path) -> Result<Option<Self>, DriverError> {
        let path = weights.parent().unwrap_or(Path::new("")).join("model.json");
        let card: Option<Self> = read_json(&path)?;
        if let Some(card) = &card {
            card.check(&path)?;
            card.check_file(weights, &path)?;
        }
        Ok(card)
    }

    /// An exported card knows its files: another one under their name is not what it describes.
    fn check_file(&self, weights: &Path, path: &Path) -> Result<(), DriverError> {
        let name = weights.file_name().unwrap_or_default().to_string_lossy();
        let Some(file) = self.files.get(name.as_ref()) else { return Ok(()) };
        if weights.is_file() && hash_file(weights)? != file.sha256 {
            let problem = format!(
                "it is not the file that `{}` describes, expected sha256 {}\n\
                 hint: export the student again with `distill export RUN`",
                path.display(),
                file.sha256
            );
            return Err(DriverError::recipe(&weights.display().to_string(), problem));
        }
        Ok(())
    }

    /// A card may have been written by hand: its parts have to fit together.
    fn check(&self, path: &Path) -> Result<(), DriverError> {
        let file = path.display().to_string();
        let channels = self.signature.channels;
        if self.classes.len() != self.signature.classes {
            let expected = format!("{}, as many as `signature.classes`", self.signature.classes);
            return Err(DriverError::field(&file, "classes", self.classes.len(), &expected));
        }
        if ![1, 3].contains(&channels) {
            return Err(DriverError::field(&file, "signature.channels", channels, "1 or 3"));
        }
        let largest = self.signature.height.max(self.signature.width);
        if largest > 4096 {
            return Err(DriverError::field(
                &file,
                "signature",
                largest,
                "at most 4096 pixels a side",
            ));
        }
        Normalisation::new(self.mean.clone(), self.std.clone(), channels)
            .map_err(|e| DriverError::recipe(&file, e))?;
        self.architecture.check(&self.signature).map_err(|e| DriverError::recipe(&file, e))
    }

    /// How the network sees images.
    pub fn view(&self) -> View {
        let Signature { channels, height, width, .. } = self.signature;
        let normalisation = Normalisation { mean: self.mean.clone(), std: self.std.clone() };
        View { shape: ImageShape { channels, height, width }, normalisation }
    }

    /// The network with the weights of a file, on `device`.
    ///
    /// # Errors
    /// [`DriverError`] for weights that do not fit.
    pub fn load(
        &self,
        weights: &Path,
        device: &burn::tensor::Device,
    ) -> Result<Network, DriverError> {
        check_size(weights, self.architecture.cost(&self.signature)?.parameters)?;
        let mut rng = KeyedRng::new(0, 0, 0, Operation::Weights);
        let network = self.architecture.init(&self.signature, &mut rng, device)?;
        Ok(distill_models::weights::load(network, weights)?)
    }
}

/// Refuses a file that is too small for so many parameters, before memory is taken for them.
pub(crate) fn check_size(weights: &Path, parameters: u64) -> Result<(), DriverError> {
    let meta = fs::metadata(weights).map_err(|e| unreadable(weights, &e))?;
    if !meta.is_file() {
        let problem = "it is not a file, expected the weights of a network".to_owned();
        return Err(DriverError::recipe(&weights.display().to_string(), problem));
    }
    let bytes = meta.len();
    if bytes < parameters.saturating_mul(2) {
        let expected = format!("the weights of {parameters} parameters");
        let problem = format!("a file of {bytes} bytes, expected {expected}");
        return Err(DriverError::recipe(&weights.display().to_string(), problem));
    }
    Ok(())
}

fn unreadable(weights: &Path, error: &std::io::Error) -> DriverError {
    DriverError::recipe(&weights.display().to_string(), format!("it cannot be read: {error}"))
}

/// Identity of a stage's inputs.
pub(crate) fn fingerprint(inputs: &serde_json::Value) -> String {
    sha256(inputs.to_string().as_bytes())
}

/// Names of the inputs in which two records differ, for a person.
pub(crate) fn differences(old: &serde_json::Value, new: &serde_json::Value) -> String {
    let empty = serde_json::Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(*value));
    changed.map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ")
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

/// sha256 of a file of weights.
pub(crate) fn hash_file(path: &Path) -> Result<String, DriverError> {
    Ok(sha256(&fs::read(path).map_err(DriverError::io(path))?))
}
