//! How the table of a network says that it is trained, and from which weights.

use std::path::{Path, PathBuf};

use distill_datasets::Augment;
use distill_objective::TermConfig;

use super::{OptimizerSection, StageSection, table::Table};
use crate::{DriverError, training::ScheduleConfig};

/// How a network is trained, whatever it learns from.
#[derive(Debug)]
pub(super) struct TrainingSection {
    pub(super) epochs: usize,
    pub(super) objective: Option<Vec<TermConfig>>,
    pub(super) train: Option<usize>,
    pub(super) augment: Option<Vec<Augment>>,
    pub(super) optimizer: OptimizerSection,
    pub(super) schedule: ScheduleConfig,
    pub(super) init: Option<GivenSection>,
    pub(super) freeze_epochs: usize,
    pub(super) patience: Option<usize>,
    pub(super) min_delta: Option<f64>,
}

/// A file of trained weights.
#[derive(Debug)]
pub(super) struct GivenSection {
    pub(super) weights: PathBuf,
    pub(super) key: Option<String>,
    pub(super) classes: Vec<String>,
}

impl TrainingSection {
    /// The fields of training in a network's table.
    ///
    /// # Errors
    /// [`DriverError`] for fields that are missing, or count beside others alone.
    pub(super) fn of(section: &StageSection, table: Table<'_>) -> Result<Self, DriverError> {
        let StageSection { epochs, objective, train, augment, optimizer, schedule, .. } =
            section.clone();
        let Some(epochs) = epochs else {
            let or = if table.name == "student" { "" } else { " or `weights`" };
            return Err(table.problem(format!("`{}` needs `epochs`{or}", table.name)));
        };
        let init = section.weights.as_deref().map(|weights| GivenSection::of(section, weights));
        let beside = "to be left out: it counts beside `weights`";
        if let (None, Some(class)) = (&init, section.classes.first()) {
            return Err(table.refuse("classes", class, beside));
        }
        if let (None, Some(key)) = (&init, &section.weights_key) {
            return Err(table.refuse("weights_key", key, beside));
        }
        let freeze_epochs = section.freeze_epochs.unwrap_or(0);
        if init.is_none() && freeze_epochs > 0 {
            return Err(table.refuse("freeze_epochs", freeze_epochs, beside));
        }
        if freeze_epochs >= epochs && freeze_epochs > 0 {
            let expected = format!("below the {epochs} epochs");
            return Err(table.refuse("freeze_epochs", freeze_epochs, &expected));
        }
        Ok(Self {
            epochs,
            objective,
            train,
            augment,
            optimizer,
            schedule,
            init,
            freeze_epochs,
            patience: section.patience,
            min_delta: section.min_delta,
        })
    }
}

impl GivenSection {
    /// The file that a network's table names.
    pub(super) fn of(section: &StageSection, weights: &Path) -> Self {
        let StageSection { weights_key, classes, .. } = section.clone();
        Self { weights: weights.to_owned(), key: weights_key, classes }
    }
}
