//! A teacher that is not trained here: found, fetched if need be, and asked how it sees images.

use std::path::{Path, PathBuf};

use distill_datasets::{
    DataError, Dataset,
    catalogue::{self, RemoteFile},
    fetch,
};
use distill_models::weights::{self, Precision};
use serde_json::json;

use super::{Pipeline, RunConfig, WEIGHTS_FORMAT};
use crate::{
    DriverError, Event, ModelCard, Observer, Stage, StageRecord, View,
    files::write_atomic,
    recipe::Resolved,
    stage::{check_size, fingerprint, hash_file},
};

/// The file of a given teacher: beside the recipe, else below the data folder, else fetched there.
pub(super) fn find(
    config: &RunConfig,
    observer: &mut dyn Observer,
) -> Result<Option<PathBuf>, DriverError> {
    let recipe = &config.recipe;
    let Some(beside) = &recipe.teacher.weights else { return Ok(None) };
    let Some(written) = &recipe.recipe.teacher.weights else { return Ok(Some(beside.clone())) };
    let below = config.data.join(written);
    if let Some(path) = [beside, &below].into_iter().find(|path| path.is_file()) {
        return Ok(Some(path.clone()));
    }
    let Some(file) = published(written) else {
        let expected = "a file beside the recipe or below the data folder";
        return Err(DriverError::field(
            &recipe.file,
            "teacher.weights",
            written.display(),
            expected,
        ));
    };
    if config.offline {
        return Err(DriverError::Data(DataError::Missing {
            dataset: "the teacher".to_owned(),
            file: file.path.clone(),
            folder: config.data.clone(),
            hint: "without `--offline` it is fetched; or name the folder that has it with `--data`"
                .to_owned(),
        }));
    }
    fetch(file, &config.data, &mut |file, have| {
        observer.on(Event::Fetching { file: &file.path, have, total: file.bytes });
    })?;
    Ok(Some(below))
}

/// The catalogue's file of this place.
fn published(path: &Path) -> Option<&'static RemoteFile> {
    let files = catalogue::teachers().iter().flat_map(|entry| &entry.files);
    files.into_iter().find(|file| Path::new(&file.path) == path)
}

/// How the teacher sees images: as the recipe says under `[teacher]`, else as the card beside its
/// weights says, else as `[data]` and the dataset do.
pub(super) fn view(
    recipe: &Resolved,
    dataset: &Dataset,
    weights: Option<&Path>,
) -> Result<View, DriverError> {
    let mut teacher = recipe.teacher.clone();
    let card = weights.map(ModelCard::beside).transpose()?.flatten();
    if let (Some(card), Some(weights)) = (card, weights) {
        let pairs = [
            ("classes", json!(card.classes), json!(dataset.classes)),
            ("architecture", json!(card.architecture), json!(teacher.architecture)),
            (
                "signature.channels",
                json!(card.signature.channels),
                json!(dataset.train.shape().channels),
            ),
        ];
        if let Some((field, card, run)) = pairs.into_iter().find(|(_, card, run)| card != run) {
            let file = weights.with_file_name("model.json").display().to_string();
            return Err(DriverError::field(&file, field, card, &format!("this run's {run}")));
        }
        let square = card.signature.height == card.signature.width;
        teacher.size = teacher.size.or(square.then_some(card.signature.height));
        teacher.mean = teacher.mean.or(Some(card.mean));
        teacher.std = teacher.std.or(Some(card.std));
    }
    recipe.view("teacher", &teacher, dataset)
}

impl Pipeline<'_> {
    /// Everything that a given teacher's record and scores depend on.
    pub(super) fn given_inputs(&self, weights: &Path) -> Result<serde_json::Value, DriverError> {
        Ok(json!({
            "weights_format": WEIGHTS_FORMAT,
            "backend": self.config.backend,
            "weights": hash_file(weights)?,
            "dataset": self.dataset.sha256,
            "classes": self.dataset.classes,
            "signature": self.signature(Stage::Teacher),
            "image": self.image(),
            "mean": self.teacher_view.normalisation.mean,
            "std": self.teacher_view.normalisation.std,
            "model": self.config.recipe.teacher.architecture,
        }))
    }

    /// Takes given weights as the stage's result.
    pub(super) fn adopt(
        &self,
        path: &Path,
        inputs: &serde_json::Value,
        folder: &Path,
    ) -> Result<StageRecord, DriverError> {
        let config = &self.config.recipe.teacher;
        let cost = config.architecture.cost(&self.signature(Stage::Teacher))?;
        check_size(path, cost.parameters)?;
        let network = weights::load(self.initial(Stage::Teacher, config)?, path)?;
        let selected = folder.join("selected.bpk");
        let bytes = weights::to_bytes(&network, Precision::Single, &selected)?;
        write_atomic(&selected, &bytes)?;
        write_atomic(&folder.join("last.bpk"), &bytes)?;
        Ok(StageRecord {
            fingerprint: fingerprint(inputs),
            inputs: inputs.clone(),
            model: config.model.clone(),
            cost,
            bytes: bytes.len() as u64,
            epochs: 0,
            seconds: 0.0,
            images_per_second: None,
            waiting_seconds: 0.0,
            teacher_seconds: 0.0,
            skipped: 0,
            selected: None,
            selected_sha256: hash_file(&selected)?,
            last_sha256: hash_file(&folder.join("last.bpk"))?,
        })
    }
}
