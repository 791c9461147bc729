//! `distill evaluate`: the accuracy of trained weights on a dataset.

use std::{path::Path, sync::Arc};

use anyhow::Context;
use burn::tensor::Device;
use distill_datasets::{Dataset, LoadConfig, Loader, Normalisation, load};
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
    check_early(&arguments)?;
    let card = ModelCard::beside(&arguments.weights)?;
    let dataset = dataset(&arguments, card.as_ref())?;
    let (classifier, name) = classifier(&arguments, card.as_ref(), &dataset, &device)?;
    let test = match arguments.limit {
        Some(limit) => Arc::new(dataset.test.first(limit as usize)),
        None => dataset.test.clone(),
    };
    let loader = Loader::in_order(test, EVALUATION_BATCH);
    let predictions = Predictions::collect(&loader, &device, |images| classifier.logits(images))?;
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

/// Refuses what needs no data, before any is read or fetched.
fn check_early(arguments: &EvaluateArguments) -> anyhow::Result<()> {
    let weights = &arguments.weights;
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
    Ok(())
}

/// The dataset that the command line or else the card names, in the size of the card or the command line.
fn dataset(arguments: &EvaluateArguments, card: Option<&ModelCard>) -> anyhow::Result<Dataset> {
    let name = match (&arguments.dataset, card) {
        (Some(name), _) => name.clone(),
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
    if let Some(path) = &arguments.path {
        let typed = std::path::absolute(path).ok().filter(|path| path.is_dir());
        config.path = Some(typed.unwrap_or_else(|| path.clone()));
    }
    if let Some(card) = card {
        config.shape = card.shape();
    } else if let Some(side) = arguments.network.size {
        (config.shape.height, config.shape.width) = (side.into(), side.into());
    }
    let mut progress = output::Progress::new();
    let dataset = load(&config, &mut |file, have| {
        progress.on(Event::Fetching { file: &file.path, have, total: file.bytes });
    });
    progress.finish();
    Ok(dataset.map_err(DriverError::from)?)
}

/// The network of the weights' file, and its name.
fn classifier(
    arguments: &EvaluateArguments,
    card: Option<&ModelCard>,
    dataset: &Dataset,
    device: &Device,
) -> anyhow::Result<(Classifier, String)> {
    let weights = &arguments.weights;
    let (channels, classes) = (dataset.test.shape().channels, dataset.classes.len());
    let images = Images {
        dataset: dataset.name.clone(),
        shape: dataset.test.shape(),
        classes: dataset.classes.clone(),
        normalisation: dataset.normalisation.clone(),
    };
    if card.is_none() && arguments.network.model.is_none() && is_onnx(weights) {
        arguments.network.no_settings(weights)?;
        arguments.network.no_key(weights)?;
        let preprocessing = arguments.network.preprocessing(&images);
        let Normalisation { mean, std } = preprocessing.normalisation.clone();
        Normalisation::new(mean, std, preprocessing.shape.channels).map_err(DriverError::from)?;
        return Ok((
            Classifier::onnx(weights, preprocessing, classes)?,
            weights.display().to_string(),
        ));
    }
    let card = arguments.network.card(weights, images)?;
    let own = (card.shape().channels, card.classes.len());
    if own != (channels, classes) {
        let problem = format!(
            "the network takes {} channels and knows {} classes, expected {channels} and {classes} \
             of the dataset `{}`",
            own.0, own.1, dataset.name
        );
        return Err(refused(weights, problem).into());
    }
    let key = arguments.network.weights_key.as_deref();
    Ok((Classifier::load_from(&card, weights, key, device)?, card.model))
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
