//! `label_noise.json`: training images whose label the teacher of a stage contradicts surely.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{DriverError, store::read_json};

/// Its name in a stage's folder.
pub(crate) const LABEL_NOISE: &str = "label_noise.json";

/// Training images whose label the teacher contradicts surely, in the first epoch, as the student saw them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LabelNoiseRecord {
    /// Probability from which the teacher's class counts as sure.
    pub threshold: f64,
    /// Training images that were compared.
    pub images: usize,
    /// Those whose label the teacher contradicts.
    pub count: usize,
    /// Each of them, the surest first; in `report.json` the first ones.
    pub found: Vec<DoubtfulLabel>,
}

/// A training image whose label is likely to be wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DoubtfulLabel {
    /// Its place among the training images of the data, from 0.
    pub index: usize,
    /// Of a folder of images, the place of its file in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Name of the class that it is labelled with.
    pub label: String,
    /// Name of the class that the teacher says.
    pub teacher: String,
    /// The teacher's probability of that class.
    pub probability: f64,
    /// The teacher's probability of the label.
    pub label_probability: f64,
}

impl LabelNoiseRecord {
    /// What a stage left in its folder; none of one without a teacher, and in runs of earlier versions.
    ///
    /// # Errors
    /// [`DriverError`] for a file that cannot be read or is damaged.
    pub(crate) fn of_folder(folder: &Path) -> Result<Option<Self>, DriverError> {
        read_json(&folder.join(LABEL_NOISE))
    }
}
