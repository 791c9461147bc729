//! `distill predict`: the likeliest classes of image files.

use burn::tensor::{Device, Tensor, TensorData};
use distill_datasets::{ImageShape, Normalisation, folder::read_image};
use distill_driver::{Classifier, DriverError, ModelCard, evaluation::log_softmax, is_onnx};
use distill_models::{ModelInfo, NormKind};
use serde::Serialize;

use super::{
    network::{Images, missing, refused},
    print_json,
};
use crate::{arguments::PredictArguments, output};

/// What a network says of one image.
#[derive(Debug, Serialize)]
struct Prediction {
    image: String,
    classes: Vec<Candidate>,
}

#[derive(Debug, Serialize)]
struct Candidate {
    class: String,
    probability: f64,
}

pub(crate) fn execute(arguments: &PredictArguments) -> anyhow::Result<()> {
    let (_, device) = distill_backends::choose(arguments.device.backend.as_deref())?;
    let Network { classifier, shape, classes } = network(arguments, &device)?;
    let ImageShape { channels, height, width } = shape;

    let mut predictions = Vec::new();
    for path in &arguments.images {
        let pixels = read_image(path, shape).map_err(DriverError::from)?;
        let pixels: Vec<f32> = pixels.into_iter().map(|byte| f32::from(byte) / 255.0).collect();
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
        predictions.push(Prediction { image, classes: likeliest.collect() });
    }
    if arguments.json {
        print_json(&predictions);
        return Ok(());
    }
    for prediction in predictions {
        let classes = prediction.classes.iter();
        let classes = classes.map(|c| format!("{} {:.1} %", c.class, 100.0 * c.probability));
        output::result(format!("{}: {}", prediction.image, classes.collect::<Vec<_>>().join(", ")));
    }
    Ok(())
}

/// A network, the size of its images and the names of its classes.
struct Network {
    classifier: Classifier,
    shape: ImageShape,
    classes: Vec<String>,
}

/// The network of the card beside the weights, or of the command line.
fn network(arguments: &PredictArguments, device: &Device) -> Result<Network, DriverError> {
    let PredictArguments { weights, network, classes, .. } = arguments;
    let has_card = ModelCard::beside(weights)?.is_some();
    if has_card && !classes.is_empty() {
        let problem = "`--classes` and a `model.json` beside it, expected one of them";
        return Err(refused(weights, problem.to_owned()));
    }
    if !has_card && (classes.len() < 2 || classes.iter().any(String::is_empty)) {
        return Err(missing("--classes"));
    }
    let channels = network.mean.as_ref().map(Vec::len);
    match channels {
        None if !has_card => return Err(missing("--mean")),
        Some(channels) if ![1, 3].contains(&channels) => {
            let problem = format!("`--mean` of {channels} channels, expected 1 or 3");
            return Err(refused(weights, problem));
        }
        _ => {}
    }
    let named = match &network.model {
        Some(model) => ModelInfo::named(model)?.signature.image(),
        None => None,
    };
    let [channels, side, _] = named.unwrap_or([channels.unwrap_or(3), 32, 32]);
    let images = Images {
        dataset: "images".to_owned(),
        shape: ImageShape { channels, height: side, width: side },
        classes: classes.clone(),
        normalisation: Normalisation { mean: vec![0.0; channels], std: vec![1.0; channels] },
    };
    if !has_card && network.model.is_none() && is_onnx(weights) {
        network.no_settings(weights)?;
        network.no_key(weights)?;
        let preprocessing = network.preprocessing(&images);
        let Normalisation { mean, std } = preprocessing.normalisation.clone();
        Normalisation::new(mean, std, channels)?;
        let shape = preprocessing.shape;
        let classifier = Classifier::onnx(weights, preprocessing, classes.len())?;
        return Ok(Network { classifier, shape, classes: classes.clone() });
    }
    let card = network.card(weights, images)?;
    if card.architecture.norm() == Some(NormKind::Batch) {
        output::note(
            "warning: this network's batch norm uses the statistics of its batch, here of one image; \
             train it with `norm = \"running\"` to use it",
        );
    }
    let classifier = Classifier::load_from(&card, weights, network.weights_key.as_deref(), device)?;
    Ok(Network { classifier, shape: card.shape(), classes: card.classes })
}
