//! What a run reads, as `check` shows it.

use distill_datasets::{Dataset, FolderSummary, ImageSet};
use serde::Serialize;

use crate::{DriverError, recipe::Plan};

/// Images of a run's splits.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DataForecast {
    /// Class names, in the order of the labels.
    pub classes: Vec<String>,
    /// Training, validation and test split.
    pub splits: Vec<SplitForecast>,
    /// Of a folder of images: the sizes met, and what was left out.
    pub summary: Option<FolderSummary>,
}

/// Images of one split.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SplitForecast {
    /// Name of the split.
    pub split: &'static str,
    /// Number of images.
    pub images: usize,
    /// Number of images of each class.
    pub per_class: Vec<usize>,
}

impl DataForecast {
    /// # Errors
    /// As [`Plan::split_sizes`].
    pub(super) fn of(dataset: &Dataset, plan: &Plan) -> Result<Self, DriverError> {
        let (train, validation) = plan.split_sizes(dataset)?;
        let classes = dataset.classes.len();
        let (rest, held_out) = dataset.held_out(validation);
        Ok(Self {
            classes: dataset.classes.clone(),
            splits: vec![
                split("train", &rest.first(train), classes),
                split("validation", &held_out, classes),
                split("test", &dataset.test, classes),
            ],
            summary: dataset.summary.clone(),
        })
    }
}

fn split(split: &'static str, images: &ImageSet, classes: usize) -> SplitForecast {
    let mut per_class = vec![0; classes];
    for label in images.labels() {
        per_class[*label as usize] += 1;
    }
    SplitForecast { split, images: images.len(), per_class }
}
