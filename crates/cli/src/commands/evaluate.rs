//! `distill evaluate`: the accuracy of trained weights on a dataset.

use std::{path::Path, sync::Arc};

use burn::tensor::Device;
use distill_datasets::{
    Dataset, FolderConfig, FolderSummary, LoadConfig, Loader, Normalisation,
    folder::{Splits, Take, Unreadable},
    load,
};
use distill_driver::{
    Classifier, DriverError, EVALUATION_BATCH, ModelCard, Observer,
    evaluation::{Evaluation, Predictions},
    is_onnx, match_classes, write_atomic,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    SCHEMA, data_folder, decoded_folder,
    images::ImageSettings,
    network::{Images, missing, refused},
    print_json,
};
use crate::{arguments::EvaluateArguments, output};

/// `evaluate`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Evaluated {
    /// Version of this layout: 1.
    schema: u32,
    /// Name of the network, or the ONNX file.
    model: String,
    /// Name of the dataset whose test split was read.
    dataset: String,
    #[serde(flatten)]
    evaluation: Evaluation,
}

/// A line of the file of `evaluate --logits`: an image of the test split, in its order.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Logits {
    /// Version of this layout: 1.
    schema: u32,
    /// Place of the image in the test split, from 0.
    index: usize,
    /// Of a folder of images, the place of its file in the folder, with `/` between parts.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// Its class: an index of the dataset's classes.
    label: i32,
    /// A logit for each of the dataset's classes.
    logits: Vec<f64>,
}

pub(crate) fn execute(arguments: EvaluateArguments) -> anyhow::Result<()> {
    let (_, device) = distill_backends::choose(arguments.device.backend.as_deref())?;
    check_early(&arguments)?;
    let card = ModelCard::beside(&arguments.weights)?;
    let EvaluateArguments { weights, network, images, classes, .. } = &arguments;
    let settings = ImageSettings::of(weights, card.as_ref(), network, images, classes)?;
    let dataset = dataset(&arguments, card.as_ref(), &settings)?;
    for note in dataset.summary.iter().flat_map(FolderSummary::notes) {
        output::note(&note);
    }
    let (classifier, name) = classifier(&arguments, card.as_ref(), &dataset, &settings, &device)?;
    let test = match arguments.limit {
        Some(limit) => Arc::new(dataset.test.first(limit as usize)),
        None => dataset.test.clone(),
    };
    let loader = Loader::in_order(test, EVALUATION_BATCH);
    let predictions = Predictions::collect(&loader, &device, |images| classifier.logits(images))?;
    if let Some(path) = &arguments.logits {
        write_logits(&predictions, &dataset, path)?;
    }
    let scores = predictions.scores(None);
    if arguments.json {
        let evaluation = predictions.evaluation(&dataset.classes);
        let dataset = dataset.name;
        return print_json(&Evaluated { schema: SCHEMA, model: name, dataset, evaluation });
    }
    output::prose(&format!(
        "{name} on the test split of {}: top-1 {:.2} % ({} errors of {}), top-5 {:.2} %, NLL {:.4} nats, \
         Brier {:.4}, ECE {:.4}, balanced accuracy {:.2} %, macro F1 {:.4}",
        dataset.name,
        100.0 * scores.top1,
        scores.errors,
        scores.count,
        100.0 * scores.top5,
        scores.nll,
        scores.brier,
        scores.ece,
        100.0 * scores.balanced_accuracy.unwrap_or(f64::NAN),
        scores.macro_f1.unwrap_or(f64::NAN),
    ));
    Ok(())
}

/// Refuses what needs no data, before any is read or fetched.
fn check_early(arguments: &EvaluateArguments) -> anyhow::Result<()> {
    let weights = &arguments.weights;
    if weights.is_dir() {
        let problem =
            "it is a folder, expected a file of weights, such as `export/student.bpk` of a run";
        return Err(refused(weights, problem.to_owned()).into());
    }
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
    if let Some(path) = arguments.logits.as_deref().filter(|path| is_read(path, weights)) {
        let problem = "it is read as the network, expected another file for the logits".to_owned();
        return Err(refused(path, problem).into());
    }
    Ok(())
}

/// The test images of the dataset that the command line or else the card names.
fn dataset(
    arguments: &EvaluateArguments,
    card: Option<&ModelCard>,
    settings: &ImageSettings,
) -> anyhow::Result<Dataset> {
    let name = match (&arguments.dataset, &arguments.path, card) {
        (Some(name), ..) => name.clone(),
        (None, Some(_), _) => "folder".to_owned(),
        (None, None, Some(card)) => card.dataset.clone(),
        (None, None, None) => return Err(missing("--dataset").into()),
    };
    let refuse = |problem: String| DriverError::Recipe { file: "--path".to_owned(), problem };
    if name == "folder" && arguments.path.is_none() {
        let problem = "it is missing, expected the folder of images with `test/CLASS` in it";
        return Err(refuse(problem.to_owned()).into());
    }
    if name != "folder" && arguments.path.is_some() {
        return Err(
            refuse(format!("it is of no use to `{name}`, expected `--dataset folder`")).into()
        );
    }
    let mut config = LoadConfig::new(name, data_folder(&arguments.data)?);
    config.offline = arguments.data.offline;
    // A recipe's path starts from the data folder; one that is typed starts where it is typed.
    if let Some(path) = &arguments.path {
        let typed = std::path::absolute(path).ok().filter(|path| path.is_dir());
        config.path = Some(typed.unwrap_or_else(|| path.clone()));
    }
    config.folder = FolderConfig {
        transform: settings.transform,
        unreadable: arguments.unreadable.map_or(Unreadable::Refuse, Into::into),
        splits: Splits::Test,
        take: Take { test: arguments.limit.map(|limit| limit as usize), ..Take::default() },
        free_memory: distill_backends::free_host_memory(),
        decoded: decoded_folder(),
        ..FolderConfig::new(settings.transform.shape)
    };
    let mut progress = output::Progress::new();
    let dataset = load(&config, &mut |event| progress.on(event.into()));
    progress.finish();
    Ok(dataset.map_err(DriverError::from)?)
}

/// The network of the weights' file, and its name.
fn classifier(
    arguments: &EvaluateArguments,
    card: Option<&ModelCard>,
    dataset: &Dataset,
    settings: &ImageSettings,
    device: &Device,
) -> anyhow::Result<(Classifier, String)> {
    let weights = &arguments.weights;
    let names = settings.classes.clone().unwrap_or_else(|| dataset.classes.clone());
    let selected = match_classes(&dataset.classes, &names).map_err(|p| refused(weights, p))?;
    if settings.classes.is_none() && dataset.name == "folder" {
        output::note(
            "classes: the network's logits are taken to be in the order of the folders' names; `--classes` says another",
        );
    }
    if selected.is_some() && names.len() > dataset.classes.len() {
        output::note(&format!(
            "the data has {} of the network's {} classes; the logits of the others are left out",
            dataset.classes.len(),
            names.len()
        ));
    }
    let normalisation = match (&settings.normalisation, dataset.name.as_str()) {
        (Some(own), _) => own.clone(),
        (None, "folder") => settings.normalised()?,
        (None, _) => dataset.normalisation.clone(),
    };
    let images = Images {
        dataset: dataset.name.clone(),
        shape: dataset.test.shape(),
        classes: names.clone(),
        normalisation,
    };
    if card.is_none() && arguments.network.model.is_none() && is_onnx(weights) {
        arguments.network.no_settings(weights)?;
        arguments.network.no_key(weights)?;
        let preprocessing = arguments.network.preprocessing(&images);
        let Normalisation { mean, std } = preprocessing.normalisation.clone();
        Normalisation::new(mean, std, preprocessing.shape.channels).map_err(DriverError::from)?;
        settings.note(preprocessing.shape, &preprocessing.normalisation);
        let classifier = Classifier::onnx(weights, preprocessing, names.len())?;
        return Ok((classifier.selecting(selected), weights.display().to_string()));
    }
    let card = arguments.network.card(weights, images)?;
    let (own, channels) = (card.shape().channels, dataset.test.shape().channels);
    if own != channels {
        let problem = format!(
            "the network takes {own} channels, expected {channels} of the dataset `{}`",
            dataset.name
        );
        return Err(refused(weights, problem).into());
    }
    settings.note(card.shape(), &card.preprocessing().normalisation);
    let key = arguments.network.weights_key.as_deref();
    let classifier = Classifier::load_from(&card, weights, key, device)?;
    Ok((classifier.selecting(selected), card.model))
}

/// Whether `path` is the file of weights, or its card.
fn is_read(path: &Path, weights: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let read = [weights.to_owned(), weights.with_file_name("model.json")];
    read.iter().any(|file| file.canonicalize().is_ok_and(|file| file == path))
}

fn can_be_written(path: &Path) -> bool {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).is_dir() && !path.is_dir()
}

fn write_logits(predictions: &Predictions, dataset: &Dataset, path: &Path) -> anyhow::Result<()> {
    let mut text = String::new();
    for (index, (logits, label)) in predictions.rows().zip(predictions.labels()).enumerate() {
        let logits = logits.iter().map(|logit| f64::from(*logit)).collect();
        let line =
            Logits { schema: SCHEMA, index, file: dataset.test_file(index), label: *label, logits };
        text += &serde_json::to_string(&line)?;
        text.push('\n');
    }
    Ok(write_atomic(path, text.as_bytes())?)
}
