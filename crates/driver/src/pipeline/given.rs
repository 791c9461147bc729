//! Trained weights that a recipe names: found, and fetched if need be.

use std::path::{Path, PathBuf};

use distill_datasets::{
    DataError,
    catalogue::{self, RemoteFile},
    fetch,
};
use distill_models::weights::{self, Precision};

use super::{Pipeline, RunConfig, initial::pretrained};
use crate::{
    DriverError, Observer, Stage,
    records::StageRecord,
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
    let Some(beside) = single.given().map(|given| given.file.as_path()) else { return Ok(None) };
    let section = match stage {
        Stage::Network(name) => recipe.recipe.networks.get(name),
        Stage::Teacher => Some(&recipe.recipe.teacher),
        Stage::Baseline | Stage::Student => Some(&recipe.recipe.student),
    };
    let Some(written) = section.and_then(|section| section.weights.as_ref()) else {
        return Ok(Some(beside.to_owned()));
    };
    let below = config.data.join(written);
    if let Some(path) = [beside, &below].into_iter().find(|path| path.is_file()) {
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
    fetch(file, &config.data, &mut |event| observer.on(event.into()))?;
    Ok(Some(below))
}

/// The catalogue's file of this place.
fn published(path: &Path) -> Option<&'static RemoteFile> {
    let files = catalogue::teachers().iter().flat_map(|entry| &entry.files);
    files.into_iter().find(|file| Path::new(&file.path) == path)
}

/// Takes given weights as the stage's result.
pub(super) fn adopt(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    inputs: &serde_json::Value,
    folder: &Path,
) -> Result<StageRecord, DriverError> {
    let config = pipeline.network(stage);
    let cost = config.architecture.cost(&pipeline.signature(stage))?;
    let network = pretrained(pipeline, stage)?;
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
