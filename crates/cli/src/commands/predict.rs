use burn::tensor::{Tensor, TensorData};
use distill_datasets::{ImageShape, Normalisation, folder::read_image};
use distill_driver::{Classifier, DriverError, ModelCard, evaluate::log_softmax};
use distill_models::{ModelInfo, NormKind};
use serde::Serialize;

use super::{
    network::{Images, missing},
    print_json,
};
use crate::{arguments::PredictArguments, backend, output};

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
    let (_, device) = backend::choose(arguments.device.backend.as_deref())?;
    let card = card(arguments)?;
    let classifier = Classifier::load(&card, &arguments.weights, &device)?;
    if card.architecture.norm() == Some(NormKind::Batch) {
        output::note(
            "warning: this network's batch norm uses the statistics of its batch, here of one image; \
             train it with `norm = \"running\"` to use it",
        );
    }
    let ImageShape { channels, height, width } = card.view().shape;

    let mut predictions = Vec::new();
    for path in &arguments.images {
        let pixels = read_image(path, card.view().shape).map_err(DriverError::from)?;
        let pixels: Vec<f32> = pixels.into_iter().map(|byte| f32::from(byte) / 255.0).collect();
        let data = TensorData::new(pixels, [1, channels, height, width]);
        let logits = classifier.logits(Tensor::from_data(data, &device))?;
        let mut ranked: Vec<(usize, f64)> = log_softmax(&logits).into_iter().enumerate().collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        let candidate = |(class, log_p): (usize, f64)| Candidate {
            class: card.classes[class].clone(),
            probability: log_p.exp(),
        };
        let classes = ranked.into_iter().take(arguments.top as usize).map(candidate).collect();
        predictions.push(Prediction { image: path.display().to_string(), classes });
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

/// The card beside the weights, or one of `--model` and `--classes`.
fn card(arguments: &PredictArguments) -> Result<ModelCard, DriverError> {
    let PredictArguments { weights, network, classes, .. } = arguments;
    let signature = match &network.model {
        Some(model) => Some(ModelInfo::named(model)?.signature),
        None => None,
    };
    if signature.is_some() && classes.len() < 2 {
        return Err(missing("--classes"));
    }
    // Where there is no `--model` either, nothing of this is used.
    let channels = signature.map_or(3, |signature| signature.channels);
    let side = signature.map_or(32, |signature| signature.height);
    network.card(
        weights,
        Images {
            dataset: "images".to_owned(),
            shape: ImageShape { channels, height: side, width: side },
            classes: classes.clone(),
            normalisation: Normalisation { mean: vec![0.0; channels], std: vec![1.0; channels] },
        },
    )
}
