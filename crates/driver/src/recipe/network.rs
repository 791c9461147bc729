//! The tables `[teacher]`, `[student]` and `[networks.NAME]` as they are written.

use std::path::PathBuf;

use distill_datasets::Augment;
use distill_models::{NormKind, Overrides, Shortcut};
use distill_objective::{Average, TermConfig};
use serde::{Deserialize, Serialize};

use super::OptimizerSection;
use crate::training::ScheduleConfig;

/// A network and how it is trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct StageSection {
    /// Name of the network. Not of an ensemble.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
    /// Passes over the training images, at least 1; 0 beside `weights` takes these as they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Trained weights (`.bpk`, safetensors, PyTorch), relative to the recipe's file, or else below the data folder.
    /// Without `epochs` the network is taken as it is, with them it is fine-tuned. The student has `epochs`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weights: Option<PathBuf>,
    /// Beside `weights`: of a file that holds the network several times, which one is meant, a part of the names in
    /// front of its own: `model_ema`, `student`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights_key: Option<String>,
    /// Beside `weights`: class names in the order of the logits, of which the data's classes may be some. Default
    /// those of a `model.json` or `config.json` beside the file, else the data's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Beside `weights` and `epochs`: first epochs in which the last layer alone is trained. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freeze_epochs: Option<usize>,
    /// Early stopping: the training ends after so many epochs in a row whose validation did not improve. Of the
    /// student the baseline's too, each by its own validation. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<usize>,
    /// Beside `patience`: gain in validation accuracy that has to be exceeded to count, a fraction. Default 0: an epoch
    /// that is selected counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_delta: Option<f64>,
    /// The network that this one learns from: `NAME` for its selected weights, `NAME@EPOCH` or `NAME@last`.
    /// Default `teacher` for the student, and labels alone for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Not the student: terms of this network's loss. Default the recipe's where it learns `from` another one
    /// or has `peers`, otherwise its cross entropy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective: Option<Vec<TermConfig>>,
    /// Networks whose outputs are combined, in place of all other fields. Not the student.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ensemble: Option<EnsembleSection>,
    /// `[networks]` only: the classes of another network that this one has to tell apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialist: Option<SpecialistSection>,
    /// A generalist and specialists whose outputs are combined, in place of all other fields. Not the student.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub specialists: Option<SpecialistsSection>,
    /// Networks that learn together with this one, each from the mean of the others, in place of a teacher: deep
    /// mutual learning. Names of `[networks]` that have a model and nothing else: all else is as here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peers: Vec<String>,
    /// `[networks]` only: start from the random numbers of the student's weights and see its batches: of the
    /// same model and images, it differs from the student by the teacher or the objective alone. Otherwise each has random numbers of its own, which come with its name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paired: bool,
    /// Takes the first so many training images; those of the student are the baseline's too. Default all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train: Option<usize>,
    /// Image size that this network takes, in pixels. Default that of the data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<usize>,
    /// Data augmentation of the images that this network is trained on. Default that of `[data]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub augment: Option<Vec<Augment>>,
    /// Not the teacher: names of classes that this network, and the student's baseline, are trained without.
    /// Validation and test images keep them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
    /// Mean of each channel that this network was trained with. Default the one of `[data]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean: Option<Vec<f32>>,
    /// Deviation of each channel. Default the one of `[data]`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub std: Option<Vec<f32>>,
    /// VGG: output channels of each convolution of each block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<Vec<usize>>>,
    /// All but perceptrons: `running` or `batch` statistics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub norm: Option<NormKind>,
    /// Perceptron: units of each hidden layer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<Vec<usize>>,
    /// Probability of dropout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropout: Option<f64>,
    /// Perceptron: probability of dropout of input pixels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_dropout: Option<f64>,
    /// Residual networks for CIFAR: `a` or `b`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shortcut: Option<Shortcut>,
    /// Fields that win over the recipe's `[optimizer]`.
    #[serde(default)]
    pub optimizer: OptimizerSection,
    /// Fields that win over the recipe's `[schedule]`.
    #[serde(default)]
    pub schedule: ScheduleConfig,
}

impl StageSection {
    /// The fields of its architecture.
    pub(super) fn overrides(&self) -> Overrides {
        let Self { blocks, norm, hidden, dropout, input_dropout, shortcut, .. } = self.clone();
        Overrides { blocks, norm, hidden, dropout, input_dropout, shortcut }
    }
}

/// `[teacher.ensemble]`, or that of one of the `[networks]`: several networks whose outputs are combined.
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `members` | none | two or more networks of the recipe, `NAME`, `NAME@EPOCH` or `NAME@last` |
/// | `average` | `arithmetic` | `arithmetic`, `geometric` mean of the members' probabilities |
/// | `shares` | the same for all | a number above 0 for each member; they are divided by their sum |
/// | `temperature` | 1 | `(0, ∞)`: an arithmetic mean is taken of probabilities softened by it |
///
/// Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2, leave open which mean, and at which temperature.
/// The geometric mean is that of the logits and the same at any temperature. The arithmetic mean is not: set
/// `temperature` to that of the soft targets to have the mean of the members' soft targets. The ensemble itself
/// is evaluated at temperature 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table above says it all")]
pub struct EnsembleSection {
    pub members: Vec<String>,
    #[serde(default)]
    pub average: Average,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// `[networks.NAME.specialist]`: a network that starts as another one and learns to tell some classes apart, with
/// one more for all the rest, the dustbin. Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 5.
///
/// The classes come from the generalist's own confusions: K-means over the columns of the covariance of its
/// probabilities for the validation images. The training images are all those of the specialist's classes, and as
/// many others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SpecialistSection {
    /// The generalist, a network of its own.
    pub of: String,
    /// Which cluster of classes is its own, from 1.
    pub cluster: usize,
    /// How many clusters there are, from 2 to the classes.
    pub clusters: usize,
}

/// `[teacher.specialists]`, or that of one of the `[networks]`: the combined outputs of a generalist and specialists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SpecialistsSection {
    /// The network that knows all classes.
    pub generalist: String,
    /// Networks with a `specialist` table.
    pub members: Vec<String>,
    /// A specialist is asked where one of so many likeliest classes of the generalist is its own. Default 1.
    #[serde(default = "one")]
    pub top: usize,
}

fn one() -> usize {
    1
}
