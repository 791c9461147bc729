use burn::{
    module::Module,
    tensor::{Tensor, TensorData},
};
use distill_datasets::{ImageShape, folder::read_image};
use distill_driver::{DriverError, ModelCard, evaluate::log_softmax};
use distill_models::{Architecture, NormKind};
use serde::Serialize;

use super::print_json;
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
    let card = ModelCard::beside(&arguments.weights)?.ok_or_else(|| DriverError::Recipe {
        file: arguments.weights.display().to_string(),
        problem: "no `model.json` lies beside it, expected the one of its run".to_owned(),
    })?;
    let network = card.load(&arguments.weights, &device)?.valid();
    if let Architecture::Vgg(config) = &card.architecture
        && config.norm == NormKind::Batch
    {
        output::note(
            "warning: this network's batch norm uses the statistics of its batch, here of one image; \
             train it with `norm = \"running\"` to use it",
        );
    }
    let signature = card.signature;
    let (channels, height, width) = (signature.channels, signature.height, signature.width);
    let shape = ImageShape { channels, height, width };

    let mut predictions = Vec::new();
    for path in &arguments.images {
        let pixels = read_image(path, shape).map_err(DriverError::from)?;
        let pixels: Vec<f32> = pixels.into_iter().map(|byte| f32::from(byte) / 255.0).collect();
        let data = TensorData::new(pixels, [1, channels, height, width]);
        let image = card.normalisation().apply(Tensor::from_data(data, &device));
        let logits: Vec<f32> = network.forward(image).into_data().iter::<f32>().collect();
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
