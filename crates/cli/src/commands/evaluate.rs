use distill_datasets::{ImageShape, LoadConfig, load};
use distill_driver::{
    DriverError, EVALUATION_BATCH, Event, ModelCard, Observer, evaluate::Predictions,
    recipe::Resolved,
};
use distill_models::{Architecture, Overrides};

use super::{data_folder, print_json};
use crate::{arguments::EvaluateArguments, backend, output};

pub(crate) fn execute(arguments: EvaluateArguments) -> anyhow::Result<()> {
    let (_, device) = backend::choose(arguments.device.backend.as_deref())?;
    let card = ModelCard::beside(&arguments.weights)?;
    let name = match (arguments.dataset, &card) {
        (Some(name), _) => name,
        (None, Some(card)) => card.dataset.clone(),
        (None, None) => return Err(missing("--dataset").into()),
    };
    let mut config = LoadConfig::new(name, data_folder(&arguments.data)?);
    config.offline = arguments.data.offline;
    config.path = arguments.path;
    if let Some(signature) = card.as_ref().map(|card| card.signature) {
        let (channels, height, width) = (signature.channels, signature.height, signature.width);
        config.shape = ImageShape { channels, height, width };
    }
    let mut progress = output::Progress::new();
    let dataset = load(&config, &mut |file, have| {
        progress.on(Event::Fetching { file: &file.path, have, total: file.bytes });
    });
    progress.finish();
    let dataset = dataset.map_err(DriverError::from)?;

    let signature = Resolved::signature(&dataset);
    let card = match (card, arguments.model) {
        (Some(card), None) => card,
        (Some(_), Some(model)) => {
            let problem =
                format!("`--model {model}` and a `model.json` beside it, expected one of them");
            return Err(refused(&arguments.weights, problem).into());
        }
        (None, Some(model)) => ModelCard {
            architecture: Architecture::named(&model, Overrides::default())
                .map_err(DriverError::from)?,
            model,
            signature,
            classes: dataset.classes.clone(),
            mean: dataset.normalisation.mean.clone(),
            std: dataset.normalisation.std.clone(),
            dataset: dataset.name.clone(),
        },
        (None, None) => return Err(missing("--model").into()),
    };
    if card.signature != signature {
        let problem = format!(
            "the network takes {:?}, expected {signature:?} of the dataset `{}`",
            card.signature, dataset.name
        );
        return Err(refused(&arguments.weights, problem).into());
    }
    let network = card.load(&arguments.weights, &device)?;
    let loader = distill_datasets::Loader::in_order(dataset.test.clone(), EVALUATION_BATCH);
    let scores = Predictions::of(&network, &loader, &card.normalisation(), &device).scores(None);
    if arguments.json {
        print_json(&scores);
        return Ok(());
    }
    output::result(format!(
        "{} on the test split of {}: top-1 {:.2} % ({} errors of {}), top-5 {:.2} %, NLL {:.4} nats, \
         Brier {:.4}, ECE {:.4}",
        card.model,
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

fn missing(option: &str) -> DriverError {
    DriverError::Recipe {
        file: option.to_owned(),
        problem: "it is missing, expected a name, for no `model.json` lies beside the weights"
            .into(),
    }
}

fn refused(weights: &std::path::Path, problem: String) -> DriverError {
    DriverError::Recipe { file: weights.display().to_string(), problem }
}
