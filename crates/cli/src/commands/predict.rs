//! `distill predict`: the likeliest classes of image files.

use std::path::PathBuf;

use burn::tensor::{Device, Tensor, TensorData};
use distill_datasets::{
    FolderSummary, ImageShape, ImageTransform, Normalisation,
    folder::{list_images, read_image},
};
use distill_driver::{Classifier, DriverError, ModelCard, evaluation::log_softmax, is_onnx};
use distill_models::NormKind;
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    SCHEMA,
    images::ImageSettings,
    network::{Images, missing, refused},
    print_json,
};
use crate::{arguments::PredictArguments, output};

/// `predict`: each image that could be read, in the order of the command line.
pub(super) type Predictions = Vec<Prediction>;

/// Likeliest classes of one image.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Prediction {
    /// Version of this layout: 1.
    schema: u32,
    /// The file.
    image: String,
    /// The likeliest first.
    classes: Vec<Candidate>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Candidate {
    /// Name of the class.
    class: String,
    /// Its probability, in `[0, 1]`.
    probability: f64,
}

pub(crate) fn execute(arguments: &PredictArguments) -> anyhow::Result<()> {
    let (_, device) = distill_backends::choose(arguments.device.backend.as_deref())?;
    let Network { classifier, transform, classes } = network(arguments, &device)?;
    let mut predictions = Predictions::new();
    let mut unreadable = Vec::new();
    for path in files(&arguments.files)? {
        let pixels = match read_image(&path, &transform) {
            Ok(pixels) => pixels,
            Err(error) => {
                unreadable.push(error.to_string());
                continue;
            }
        };
        let pixels: Vec<f32> = pixels.into_iter().map(|byte| f32::from(byte) / 255.0).collect();
        let ImageShape { channels, height, width } = transform.shape;
        let data = TensorData::new(pixels, [1, channels, height, width]);
        let logits = classifier.logits(Tensor::from_data(data, &device))?;
        let mut ranked: Vec<(usize, f64)> = log_softmax(&logits).into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let likeliest = ranked.into_iter().take(arguments.top as usize);
        let likeliest = likeliest.map(|(class, log_p)| Candidate {
            class: classes[class].clone(),
            probability: log_p.exp(),
        });
        let image = path.display().to_string();
        predictions.push(Prediction { schema: SCHEMA, image, classes: likeliest.collect() });
    }
    // What could be read is not lost with what could not.
    match arguments.json {
        true if !predictions.is_empty() || unreadable.is_empty() => print_json(&predictions)?,
        true => {}
        false => predictions.iter().for_each(print),
    }
    if unreadable.is_empty() {
        return Ok(());
    }
    let file = format!("{} of the images", unreadable.len());
    Err(DriverError::Recipe { file, problem: unreadable.join("\n") }.into())
}

/// The files that are named, and the images in the folders that are.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, DriverError> {
    let mut files = Vec::new();
    for path in named {
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        let (images, left_out) = list_images(path)?;
        let summary = FolderSummary { left_out, ..FolderSummary::default() };
        for note in summary.notes() {
            output::note(&format!("{}: {note}", path.display()));
        }
        if images.is_empty() {
            return Err(refused(path, "a folder without images, expected some".to_owned()));
        }
        files.extend(images);
    }
    Ok(files)
}

fn print(prediction: &Prediction) {
    let classes = prediction.classes.iter();
    let classes = classes.map(|c| format!("{} {:.1} %", c.class, 100.0 * c.probability));
    output::result(format!("{}: {}", prediction.image, classes.collect::<Vec<_>>().join(", ")));
}

/// A network, what becomes of an image file before it, and the names of its classes.
struct Network {
    classifier: Classifier,
    transform: ImageTransform,
    classes: Vec<String>,
}

/// The network of the card beside the weights, or of the command line.
fn network(arguments: &PredictArguments, device: &Device) -> Result<Network, DriverError> {
    let PredictArguments { weights, network, images, classes, .. } = arguments;
    let card = ModelCard::beside(weights)?;
    let settings = ImageSettings::of(weights, card.as_ref(), network, images, classes)?;
    let classes = settings.classes.clone().ok_or_else(|| missing("--classes"))?;
    if classes.len() < 2 || classes.iter().any(String::is_empty) {
        return Err(missing("--classes"));
    }
    let channels = settings.transform.shape.channels;
    let images = Images {
        dataset: "images".to_owned(),
        shape: settings.transform.shape,
        classes: classes.clone(),
        normalisation: settings.normalised()?,
    };
    let transform = settings.transform;
    if card.is_none() && network.model.is_none() && is_onnx(weights) {
        network.no_settings(weights)?;
        network.no_key(weights)?;
        let preprocessing = network.preprocessing(&images);
        let Normalisation { mean, std } = preprocessing.normalisation.clone();
        Normalisation::new(mean, std, channels)?;
        settings.note(preprocessing.shape, &preprocessing.normalisation);
        let classifier = Classifier::onnx(weights, preprocessing, classes.len())?;
        return Ok(Network { classifier, transform, classes });
    }
    let card = network.card(weights, images)?;
    if card.architecture.norm() == Some(NormKind::Batch) {
        output::note(
            "warning: this network's batch norm uses the statistics of its batch, here of one image; \
             train it with `norm = \"running\"` to use it",
        );
    }
    settings.note(card.shape(), &card.preprocessing().normalisation);
    let key = network.weights_key.as_deref();
    let classifier = Classifier::load_from(&card, weights, key, device)?;
    Ok(Network { classifier, transform, classes })
}
