//! Initial weights of a network: random numbers, or those of a file with its own classes.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use distill_datasets::{
    Dataset, ImageTransform,
    keyed::{KeyedRng, Operation},
};
use distill_models::{
    Network,
    weights::{Loaded, load_body, load_from, select_classes},
};
use serde_json::{Value, json};

use super::{Pipeline, RunConfig};
use crate::{
    DriverError, Event, ForeignPreprocessing, ModelCard, Observer, Stage,
    class_names::match_classes,
    recipe::{GivenWeights, SinglePlan},
    records::check_size,
    store::hash_file,
};

impl Pipeline<'_> {
    /// The network before training.
    pub(super) fn initial(&self, stage: Stage) -> Result<Network, DriverError> {
        self.initial_of(stage, self.class_names(stage).len())
    }

    /// The same for another number of classes.
    fn initial_of(&self, stage: Stage, classes: usize) -> Result<Network, DriverError> {
        let role = u64::from(self.is_paired(stage));
        let mut rng = KeyedRng::new(self.seed(stage), 0, role, Operation::Weights);
        let architecture = &self.network(stage).architecture;
        let signature = self.task.signature(stage, classes);
        Ok(architecture.init(&signature, &mut rng, &self.config.device)?)
    }
}

/// The network of trained weights, with the outputs that are the data's classes.
///
/// # Errors
/// [`DriverError`] for a file that does not fit, and for classes of the data that the network does not know.
pub(super) fn pretrained(pipeline: &Pipeline<'_>, stage: Stage) -> Result<Network, DriverError> {
    let (path, given) = (&pipeline.given[&stage], given(pipeline, stage));
    let data = pipeline.task.classes();
    let Some(names) = class_names(path, given)? else {
        return whole(pipeline, stage, data.len());
    };
    match matched(pipeline, stage, &names)? {
        None => whole(pipeline, stage, data.len()),
        Some(rows) => {
            let all = whole(pipeline, stage, names.len())?;
            Ok(select_classes(&all, pipeline.initial(stage)?, &rows))
        }
    }
}

/// The places of the data's classes among the outputs of a pretrained network; `None` where both are the same.
pub(super) fn matched(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    names: &[String],
) -> Result<Option<Vec<usize>>, DriverError> {
    match_classes(pipeline.task.classes(), names).map_err(|problem| {
        let table = &pipeline.network(stage).table;
        let problem = format!(
            "`{table}.weights`: {problem}\n\
             hint: `{table}.classes` names the classes in the order of the file's logits; `{table}.epochs` trains a new \
             last layer"
        );
        DriverError::recipe(&pipeline.config.recipe.file, problem)
    })
}

/// `network` with the trained weights that its training starts from. A last layer of other classes stays new.
///
/// # Errors
/// [`DriverError`] for a file that does not fit.
pub(super) fn fine_tuned(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    network: Network,
    observer: &mut dyn Observer,
) -> Result<Network, DriverError> {
    let (path, given) = (&pipeline.given[&stage], given(pipeline, stage));
    let names = class_names(path, given)?;
    let matched = names.as_ref().map(|names| match_classes(pipeline.task.classes(), names));
    if let (Some(names), Some(Ok(Some(rows)))) = (&names, &matched) {
        let all = whole(pipeline, stage, names.len())?;
        observer.on(Event::Note(format!(
            "{}: starts from {}, with {} of its {} classes",
            stage.name(),
            path.display(),
            rows.len(),
            names.len()
        )));
        return Ok(select_classes(&all, network, rows));
    }
    // Of as many classes, but others.
    let keeps_head = !matches!(matched, Some(Err(_)));
    let Loaded { network, kept } = load_body(network, path, given.key.as_deref(), keeps_head)?;
    let head = match &kept[..] {
        [] => String::new(),
        kept => format!("; new are {}", kept.join(", ")),
    };
    observer.on(Event::Note(format!("{}: starts from {}{head}", stage.name(), path.display())));
    Ok(network)
}

/// What a stage's result depends on because of the file that it is, or starts from.
pub(super) fn inputs(pipeline: &Pipeline<'_>, stage: Stage) -> Result<Value, DriverError> {
    let (path, given) = (&pipeline.given[&stage], given(pipeline, stage));
    let mut inputs = json!({ "weights": hash_file(path)? });
    if let Some(key) = &given.key {
        inputs["weights_key"] = key.as_str().into();
    }
    let names = class_names(path, given)?;
    if let Some(names) = names.filter(|names| *names != pipeline.task.classes()) {
        inputs["weights_classes"] = names.into();
    }
    Ok(inputs)
}

/// What is taken for granted of trained weights, and warnings where they saw images that were made in another way
/// than `[data]` makes them.
pub(super) fn assumptions(
    config: &RunConfig,
    dataset: &Dataset,
    given: &BTreeMap<Stage, PathBuf>,
) -> Result<Vec<String>, DriverError> {
    let mut warnings = Vec::new();
    if dataset.summary.is_none() {
        return Ok(warnings);
    }
    let data = config.recipe.transform(dataset);
    for (stage, path) in given {
        let own = match ModelCard::beside(path)? {
            Some(card) => card.transform,
            None => ForeignPreprocessing::beside(path)?.map(|foreign| foreign.transform),
        };
        let named = config.recipe.single(*stage).and_then(SinglePlan::given);
        if let Some(given) = named
            && class_names(path, given)?.is_none()
        {
            warnings.push(format!(
                "{}: the logits of its weights are taken to be in the order of the data's classes; `classes` beside \
                 `weights` says another",
                stage.name()
            ));
        }
        let Some(own) = own else { continue };
        if (ImageTransform { shape: data.shape, ..own }) != data {
            warnings.push(format!(
                "warning: {}: its weights were trained on images that are {own}; `[data]` makes them {data}",
                stage.name()
            ));
        }
    }
    Ok(warnings)
}

/// The whole network of the file, of so many classes.
fn whole(pipeline: &Pipeline<'_>, stage: Stage, classes: usize) -> Result<Network, DriverError> {
    let (path, given) = (&pipeline.given[&stage], given(pipeline, stage));
    let architecture = &pipeline.network(stage).architecture;
    check_size(path, architecture.cost(&pipeline.task.signature(stage, classes))?.parameters)?;
    Ok(load_from(pipeline.initial_of(stage, classes)?, path, given.key.as_deref())?)
}

fn given<'a>(pipeline: &'a Pipeline<'_>, stage: Stage) -> &'a GivenWeights {
    pipeline.network(stage).given().expect("a stage with a file of weights")
}

/// Class names in the order of the file's logits: of the recipe, of `model.json`, of `config.json`.
fn class_names(path: &Path, given: &GivenWeights) -> Result<Option<Vec<String>>, DriverError> {
    if !given.classes.is_empty() {
        return Ok(Some(given.classes.clone()));
    }
    if let Some(card) = ModelCard::beside(path)? {
        return Ok(Some(card.classes));
    }
    Ok(ForeignPreprocessing::beside(path)?.and_then(|foreign| foreign.classes))
}
