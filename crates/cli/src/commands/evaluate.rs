//! `distill evaluate`: the accuracy of trained weights on a dataset.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use anyhow::Context;
use distill_datasets::{ImageShape, LoadConfig, Loader, Normalisation, load};
use distill_driver::{
    Classifier, DriverError, EVALUATION_BATCH, Event, ModelCard, Observer, evaluation::Predictions,
    is_onnx,
};
use serde_json::json;

use super::{
    data_folder,
    network::{Images, missing, refused},
    print_json,
};
use crate::{arguments::EvaluateArguments, output};

pub(crate) fn execute(arguments: EvaluateArguments) -> anyhow::Result<()> {
    let (_, device) = distill_backends::choose(arguments.device.backend.as_deref())?;
    let weights = &arguments.weights;
    // What needs no data is refused before any is read or fetched.
    if !weights.is_file() {
        return Err(refused(weights, "no such file, expected weights".to_owned()).into());
    }
    if let Some(model) = &arguments.network.model {
        arguments.network.architecture(model)?;
    }
    if let Some(path) = arguments.logits.as_deref().filter(|path| !can_be_written(path)) {
        let problem = "it cannot be written, expected a file in a folder that is there".to_owned();
        return Err(refused(path, problem).into());
    }
    let card = ModelCard::beside(weights)?;
    let name = match (arguments.dataset, &card) {
        (Some(name), _) => name,
        (None, Some(card)) => card.dataset.clone(),
        (None, None) => return Err(missing("--dataset").into()),
    };
    if name == "folder" && arguments.path.is_none() {
        let problem =
            "it is missing, expected the folder of images with `test/CLASS` in it".to_owned();
        return Err(DriverError::Recipe { file: "--path".to_owned(), problem }.into());
    }
    let mut config = LoadConfig::new(name, data_folder(&arguments.data)?);
    config.offline = arguments.data.offline;
    // A recipe's path starts from the data folder; one that is typed starts where it is typed.
    let typed = |path: PathBuf| {
        std::path::absolute(&path).ok().filter(|path| path.is_dir()).unwrap_or(path)
    };
    config.path = arguments.path.map(typed);
    if let Some(signature) = card.as_ref().map(|card| card.signature) {
        let (channels, height, width) = (signature.channels, signature.height, signature.width);
        config.shape = ImageShape { channels, height, width };
    } else if let Some(side) = arguments.network.size {
        (config.shape.height, config.shape.width) = (side.into(), side.into());
    }
    let mut progress = output::Progress::new();
    let dataset = load(&config, &mut |file, have| {
        progress.on(Event::Fetching { file: &file.path, have, total: file.bytes });
    });
    progress.finish();
    let dataset = dataset.map_err(DriverError::from)?;

    let images = Images {
        dataset: dataset.name.clone(),
        shape: dataset.test.shape(),
        classes: dataset.classes.clone(),
        normalisation: dataset.normalisation.clone(),
    };
    let (classifier, name) = if card.is_none()
        && arguments.network.model.is_none()
        && is_onnx(weights)
    {
        arguments.network.no_settings(weights)?;
        let view = arguments.network.view(&images);
        let Normalisation { mean, std } = view.normalisation.clone();
        Normalisation::new(mean, std, view.shape.channels).map_err(DriverError::from)?;
        (Classifier::onnx(weights, view, dataset.classes.len())?, weights.display().to_string())
    } else {
        let card = arguments.network.card(weights, images)?;
        let (channels, classes) = (dataset.test.shape().channels, dataset.classes.len());
        if (card.signature.channels, card.signature.classes) != (channels, classes) {
            let problem = format!(
                "the network takes {} channels and knows {} classes, expected {channels} and {classes} \
                 of the dataset `{}`",
                card.signature.channels, card.signature.classes, dataset.name
            );
            return Err(refused(weights, problem).into());
        }
        (Classifier::load(&card, weights, &device)?, card.model)
    };
    let test = match arguments.limit {
        Some(limit) => Arc::new(dataset.test.as_ref().clone().truncated(limit as usize)),
        None => dataset.test.clone(),
    };
    let loader = Loader::in_order(test, EVALUATION_BATCH);
    let answer = |images| classifier.logits(images);
    let predictions = Predictions::collect(&loader, &device, answer)?;
    if let Some(path) = &arguments.logits {
        write_logits(&predictions, path).with_context(|| path.display().to_string())?;
    }
    let scores = predictions.scores(None);
    if arguments.json {
        print_json(&scores);
        return Ok(());
    }
    output::result(format!(
        "{name} on the test split of {}: top-1 {:.2} % ({} errors of {}), top-5 {:.2} %, NLL {:.4} nats, \
         Brier {:.4}, ECE {:.4}",
        dataset.name,
        100.0 * scores.top1,
        scores.errors,
        scores.count,
        100.0 * scores.top5,
        scores.nll,
        scores.brier,
        scores.ece,
    ));
    Ok(())
}

fn can_be_written(path: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).is_dir() && !path.is_dir()
}

/// Under another name first: what stood under this one stays until all is written.
fn write_logits(predictions: &Predictions, path: &Path) -> std::io::Result<()> {
    let mut text = String::new();
    for (logits, label) in predictions.rows().zip(predictions.labels()) {
        text += &json!({ "label": label, "logits": logits }).to_string();
        text.push('\n');
    }
    let mut part = path.to_owned().into_os_string();
    part.push(".part");
    std::fs::write(&part, text)?;
    std::fs::rename(part, path)
}
