//! A network that is not trained here: found, fetched if need be, and asked how it sees images.

use std::path::{Path, PathBuf};

use distill_datasets::{
    DataError, Dataset,
    catalogue::{self, RemoteFile},
    fetch,
};
use distill_models::{
    Architecture,
    weights::{self, Precision},
};
use serde_json::json;

use super::{Pipeline, RunConfig};
use crate::{
    DriverError, Event, ImagePreprocessing, Observer, Stage,
    recipe::{Plan, SinglePlan},
    records::{ModelCard, StageRecord, check_size},
    store::{fingerprint, hash_file, write_atomic},
};

/// The file of a network that is given: beside the recipe, else below the data folder, else fetched there.
pub(super) fn find(
    config: &RunConfig,
    stage: Stage,
    observer: &mut dyn Observer,
) -> Result<Option<PathBuf>, DriverError> {
    let recipe = &config.recipe;
    let Some(single) = recipe.single(stage) else { return Ok(None) };
    let Some(beside) = single.weights() else { return Ok(None) };
    let section = match stage {
        Stage::Network(name) => recipe.recipe.networks.get(name),
        _ => Some(&recipe.recipe.teacher),
    };
    let Some(written) = section.and_then(|section| section.weights.as_ref()) else {
        return Ok(Some(beside.to_owned()));
    };
    let below = config.data.join(written);
    if let Some(path) = [beside, below.as_path()].into_iter().find(|path| path.is_file()) {
        return Ok(Some(path.to_owned()));
    }
    let Some(file) = published(written) else {
        let expected = "a file beside the recipe or below the data folder";
        return Err(DriverError::field(
            &recipe.file,
            &format!("{}.weights", single.table),
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

/// Input preprocessing of a network: of its table in the recipe, else of the card beside its weights, else of
/// `[data]` and the dataset.
pub(super) fn preprocessing(
    recipe: &Plan,
    single: &SinglePlan,
    dataset: &Dataset,
    weights: Option<&Path>,
) -> Result<ImagePreprocessing, DriverError> {
    let mut single = single.clone();
    let card = weights.map(ModelCard::beside).transpose()?.flatten();
    if let (Some(card), Some(weights)) = (card, weights) {
        let pairs = [
            ("classes", json!(card.classes), json!(dataset.classes)),
            (
                "architecture",
                in_evaluation(&card.architecture),
                in_evaluation(&single.architecture),
            ),
            (
                "signature.channels",
                json!(card.shape().channels),
                json!(dataset.train.shape().channels),
            ),
        ];
        if let Some((field, card, run)) = pairs.into_iter().find(|(_, card, run)| card != run) {
            let file = weights.with_file_name("model.json").display().to_string();
            return Err(DriverError::field(&file, field, card, &format!("this run's {run}")));
        }
        let shape = card.shape();
        let square = shape.height == shape.width;
        single.size = single.size.or(square.then_some(shape.height));
        single.mean = single.mean.or(Some(card.mean));
        single.std = single.std.or(Some(card.std));
    }
    recipe.preprocessing(&single, dataset)
}

/// An architecture without what is off in a network that is not trained.
fn in_evaluation(architecture: &Architecture) -> serde_json::Value {
    let mut fields = json!(architecture);
    for dropout in ["dropout", "input_dropout"] {
        fields.as_object_mut().and_then(|fields| fields.remove(dropout));
    }
    fields
}

impl Pipeline<'_> {
    /// Takes given weights as the stage's result.
    pub(super) fn adopt(
        &self,
        stage: Stage,
        path: &Path,
        inputs: &serde_json::Value,
        folder: &Path,
    ) -> Result<StageRecord, DriverError> {
        let config = self.network(stage);
        let cost = config.architecture.cost(&self.signature(stage))?;
        check_size(path, cost.parameters)?;
        let network = weights::load(self.initial(stage)?, path)?;
        let selected = folder.join("selected.bpk");
        let bytes = weights::to_bytes(&network, Precision::Single, &selected)?;
        write_atomic(&selected, &bytes)?;
        write_atomic(&folder.join("last.bpk"), &bytes)?;
        Ok(StageRecord {
            model: config.model.clone(),
            bytes: bytes.len() as u64,
            selected_sha256: hash_file(&selected)?,
            last_sha256: hash_file(&folder.join("last.bpk"))?,
            ..StageRecord::untrained(fingerprint(inputs), inputs.clone(), cost)
        })
    }
}
