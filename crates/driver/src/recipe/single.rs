//! A network of its own in a recipe: defaults filled in, every value checked.

use std::{collections::BTreeSet, path::PathBuf};

use distill_datasets::Augment;
use distill_models::Architecture;
use distill_objective::TermConfig;

use super::{OptimizerSection, Recipe, Reference, Source, StageObjective, StageSection};
use crate::{
    DriverError, Stage,
    training::{OptimizerConfig, ScheduleConfig},
};

/// A network and its training, whole.
#[derive(Debug, Clone)]
pub struct ResolvedStage {
    /// Its table in the recipe, for messages.
    pub table: String,
    /// Name of the network.
    pub model: String,
    /// Its configuration.
    pub architecture: Architecture,
    /// Passes over the data; none where `weights` are loaded.
    pub epochs: usize,
    /// Trained weights to load in place of training.
    pub weights: Option<PathBuf>,
    /// The network that it learns from.
    pub from: Option<Reference>,
    /// Networks that learn together with it, each from the others.
    pub peers: Vec<Stage>,
    /// The network that it learns together with, in whose stage it is trained.
    pub lead: Option<Stage>,
    /// The classes that it alone has to tell apart.
    pub specialist: Option<ResolvedSpecialist>,
    /// What it minimises.
    pub objective: StageObjective,
    /// Whether it starts from the student's weights and sees its batches.
    pub paired: bool,
    /// Epochs whose weights are kept, for another network learns from them.
    pub keep: BTreeSet<usize>,
    /// Training images, where they are not all of them.
    pub train: Option<usize>,
    /// Names of classes that it never sees.
    pub without: Vec<String>,
    /// Pixels of a side of its images, where they are not the data's.
    pub size: Option<usize>,
    /// Random views of its training images.
    pub augment: Vec<Augment>,
    /// Its own mean of each channel.
    pub mean: Option<Vec<f32>>,
    /// Its own deviation of each channel.
    pub std: Option<Vec<f32>>,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The schedule.
    pub schedule: ScheduleConfig,
}

/// A specialist's classes, before it is known which these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResolvedSpecialist {
    /// The generalist.
    pub of: Reference,
    /// Its cluster, from 1.
    pub cluster: usize,
    /// How many there are.
    pub clusters: usize,
}

/// A table's own values, and the terms that its network minimises; who learns from whom is not known here.
pub(super) fn single(
    recipe: &Recipe,
    section: &StageSection,
    name: &str,
    terms: Vec<TermConfig>,
    source: &Source,
) -> Result<ResolvedStage, DriverError> {
    let file = &source.file;
    let in_table = |e| DriverError::recipe(file, format!("[{name}] {e}"));
    let objective = StageObjective::new(terms)
        .map_err(|e| DriverError::recipe(file, format!("[{name}] {e}")))?;
    if section.model.is_empty() {
        let problem = format!("`{name}` needs `model`");
        return Err(DriverError::recipe(file, problem));
    }
    let architecture =
        Architecture::named(&section.model, section.overrides()).map_err(in_table)?;
    architecture.check_fields().map_err(in_table)?;
    let epochs = match (section.epochs, &section.weights) {
        (Some(0), None) => {
            let field = format!("{name}.epochs");
            return Err(DriverError::field(file, &field, 0, "at least 1"));
        }
        // Trained weights win over the epochs that a recipe has for training.
        (_, Some(_)) => 0,
        (Some(epochs), None) if epochs > 1_000_000 => {
            let field = format!("{name}.epochs");
            return Err(DriverError::field(file, &field, epochs, "at most 1000000"));
        }
        (Some(epochs), None) => epochs,
        (None, None) => {
            let problem = format!("`{name}` needs `epochs` or `weights`");
            return Err(DriverError::recipe(file, problem));
        }
    };
    let refused = |table: &str, (field, value, expected): (String, String, &str)| {
        DriverError::field(file, &format!("{name}: {table}.{field}"), value, expected)
    };
    let optimizer: OptimizerSection = section.optimizer.over(&recipe.optimizer);
    let optimizer = optimizer.resolve().map_err(|r| refused("optimizer", r))?;
    let schedule = section.schedule.over(&recipe.schedule);
    if section.weights.is_none() {
        schedule.check(epochs).map_err(|r| refused("schedule", r))?;
    }
    check_size(section.size, &format!("{name}.size"), file)?;
    if let Some(augment) = &section.augment {
        check_doubled(augment, &format!("{name}.augment"), file)?;
    }
    let weights = section.weights.as_ref().map(|path| source.folder.join(path));
    let reference = |text: &String| {
        Reference::parse(text).ok_or_else(|| {
            let expected = "`NAME`, `NAME@EPOCH` or `NAME@last`";
            DriverError::field(file, &format!("{name}.from"), text, expected)
        })
    };
    let from = section.from.as_ref().map(reference).transpose()?;
    if let (Some(from), Some(_)) = (from, &weights) {
        let expected = "to be left out: given weights are not trained";
        return Err(DriverError::field(file, &format!("{name}.from"), from, expected));
    }
    let of_training = [
        ("train", section.train.is_some()),
        ("paired", section.paired),
        ("objective", section.objective.is_some()),
        ("without", !section.without.is_empty()),
    ];
    if let (Some(_), Some((field, _))) = (&weights, of_training.iter().find(|(_, given)| *given)) {
        let expected = "to be left out: given weights are not trained";
        return Err(DriverError::field(file, &format!("{name}.{field}"), "given", expected));
    }
    if let (Some(weights), Some(peer)) = (&section.weights, section.peers.first()) {
        let expected = format!("to be left out: it learns together with `{peer}`");
        let field = format!("{name}.weights");
        return Err(DriverError::field(file, &field, weights.display(), &expected));
    }
    if let (Some(from), Some(peer)) = (from, section.peers.first()) {
        let expected = format!("to be left out: it learns from its peer `{peer}`");
        return Err(DriverError::field(file, &format!("{name}.from"), from, &expected));
    }
    if section.paired && !name.starts_with("networks.") {
        let expected = "to be left out: only the `[networks]` can be like the student";
        return Err(DriverError::field(file, &format!("{name}.paired"), true, expected));
    }
    Ok(ResolvedStage {
        table: name.to_owned(),
        model: section.model.clone(),
        architecture,
        epochs,
        weights,
        from,
        objective,
        peers: section.peers.iter().map(|name| Stage::named(name)).collect(),
        lead: None,
        specialist: None,
        paired: section.paired,
        keep: BTreeSet::new(),
        train: section.train,
        without: section.without.clone(),
        size: section.size,
        augment: section.augment.clone().unwrap_or_else(|| recipe.data.augment.clone()),
        mean: section.mean.clone(),
        std: section.std.clone(),
        optimizer,
        schedule,
    })
}

pub(super) fn check_doubled(
    augment: &[Augment],
    field: &str,
    file: &str,
) -> Result<(), DriverError> {
    match augment.iter().enumerate().find(|(at, one)| augment[..*at].contains(one)) {
        Some((_, doubled)) => Err(DriverError::field(file, field, doubled, "each change once")),
        None => Ok(()),
    }
}

pub(super) fn check_size(size: Option<usize>, field: &str, file: &str) -> Result<(), DriverError> {
    match size.filter(|size| !(1..=4096).contains(size)) {
        Some(size) => Err(DriverError::field(file, field, size, "from 1 to 4096 pixels")),
        None => Ok(()),
    }
}
