//! The tables `[teacher]`, `[student]` and `[networks]`: defaults filled in, every value checked.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use distill_datasets::Augment;
use distill_models::Architecture;
use distill_objective::{CrossEntropyConfig, Objective, TermConfig};

use super::{
    EnsembleSection, OptimizerSection, Recipe, Reference, ResolvedEnsemble, ResolvedNetwork,
    ResolvedOptimizer, ScheduleSection, Source, StageSection, Weights, network::order,
};
use crate::{DriverError, Stage};

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
    /// What it minimises.
    pub objective: Vec<TermConfig>,
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
    pub optimizer: ResolvedOptimizer,
    /// The schedule.
    pub schedule: ScheduleSection,
}

/// The student of a recipe.
pub(super) fn student(recipe: &Recipe, source: &Source) -> Result<ResolvedStage, DriverError> {
    let section = &recipe.student;
    let refuse = |field: &str, value: String, expected: &str| {
        Err(DriverError::field(&source.file, &format!("student.{field}"), value, expected))
    };
    if section.ensemble.is_some() {
        return refuse("ensemble", "given".to_owned(), "to be left out: a student is one network");
    }
    if let Some(weights) = &section.weights {
        let expected = "to be left out: a student is trained";
        return refuse("weights", weights.display().to_string(), expected);
    }
    if section.objective.is_some() {
        let expected = "to be left out: the recipe's `[[objective]]` is the student's";
        return refuse("objective", "given".to_owned(), expected);
    }
    let mut student = stage(recipe, section, "student", source)?;
    let has_peers = !student.peers.is_empty();
    if has_peers && Objective::new(&recipe.objective).is_ok_and(|o| o.needs_features()) {
        return refuse(
            "peers",
            section.peers.join(", "),
            "an objective that compares logits alone",
        );
    }
    let from = student.from.get_or_insert(Reference::selected(Stage::Teacher));
    if from.stage != Stage::Teacher {
        let expected = "`teacher`, or `teacher@` with an epoch; `[teacher]` itself may be any network or ensemble";
        return refuse("from", from.to_string(), expected);
    }
    student.objective = recipe.objective.clone();
    Ok(student)
}

/// The teacher and the `[networks]` of a recipe.
pub(super) fn networks(
    recipe: &Recipe,
    source: &Source,
) -> Result<BTreeMap<Stage, ResolvedNetwork>, DriverError> {
    let file = &source.file;
    let mut networks = BTreeMap::new();
    if !recipe.teacher.without.is_empty() {
        let expected = "to be left out: the student is the one that does not see all classes";
        let names = recipe.teacher.without.join(", ");
        return Err(DriverError::field(file, "teacher.without", names, expected));
    }
    networks.insert(Stage::Teacher, network(recipe, &recipe.teacher, "teacher", source)?);
    let leads = leads(recipe, file)?;
    for (name, section) in &recipe.networks {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let stage = Stage::named(name);
        if name.is_empty()
            || name.len() > 64
            || !name.chars().all(is_plain)
            || Stage::ALL.contains(&stage)
        {
            let expected = "up to 64 letters, digits, `-` and `_`, and none of `teacher`, `baseline`, `student`";
            return Err(DriverError::field(file, "networks", name, expected));
        }
        let table = format!("networks.{name}");
        let network = match leads.get(name.as_str()) {
            Some((lead, of)) => peer(recipe, section, &table, (*lead, of), source)?,
            None => network(recipe, section, &table, source)?,
        };
        networks.insert(stage, network);
    }
    Ok(networks)
}

/// The network that each peer learns together with.
fn leads<'a>(
    recipe: &'a Recipe,
    file: &str,
) -> Result<BTreeMap<&'a str, (Stage, &'a StageSection)>, DriverError> {
    let networks = recipe.networks.iter().map(|(name, section)| (Stage::named(name), section));
    let sections =
        networks.chain([(Stage::Teacher, &recipe.teacher), (Stage::Student, &recipe.student)]);
    let mut leads = BTreeMap::new();
    for (lead, section) in sections {
        for peer in &section.peers {
            let is_network = recipe.networks.get(peer).is_some_and(|own| own.peers.is_empty());
            let is_new = leads.insert(peer.as_str(), (lead, section)).is_none();
            if !is_network || !is_new || peer == lead.name() {
                let expected = "other networks of `[networks]`, each a peer once and without `peers` of its own";
                let field = format!("{}: peers", lead.name());
                return Err(DriverError::field(file, &field, peer, expected));
            }
        }
    }
    Ok(leads)
}

/// A network that learns together with another one, with all that is said there.
fn peer(
    recipe: &Recipe,
    section: &StageSection,
    table: &str,
    (lead, of): (Stage, &StageSection),
    source: &Source,
) -> Result<ResolvedNetwork, DriverError> {
    let architecture = |section: &StageSection| StageSection {
        model: section.model.clone(),
        blocks: section.blocks.clone(),
        norm: section.norm,
        hidden: section.hidden.clone(),
        dropout: section.dropout,
        input_dropout: section.input_dropout,
        shortcut: section.shortcut,
        ..Default::default()
    };
    let own = architecture(section);
    if own != *section {
        let lead = lead.name();
        let problem = format!(
            "`{table}` is a peer of `{lead}`, expected a model and nothing else: all else is as there"
        );
        return Err(DriverError::recipe(&source.file, problem));
    }
    let StageSection { model, blocks, norm, hidden, dropout, input_dropout, shortcut, .. } = own;
    let whole = StageSection {
        model,
        blocks,
        norm,
        hidden,
        dropout,
        input_dropout,
        shortcut,
        peers: Vec::new(),
        paired: false,
        ..of.clone()
    };
    let mut single = stage(recipe, &whole, table, source)?;
    single.lead = Some(lead);
    single.objective = of.objective.clone().unwrap_or_else(|| recipe.objective.clone());
    Ok(ResolvedNetwork::Single(Box::new(single)))
}

/// The order of the stages, with each reference checked and the weights that it names marked to be kept.
pub(super) fn in_order(
    student: &ResolvedStage,
    networks: &mut BTreeMap<Stage, ResolvedNetwork>,
    file: &str,
) -> Result<Vec<Stage>, DriverError> {
    let mut keep: Vec<(Stage, usize, String)> = Vec::new();
    let references = networks.iter().flat_map(|(stage, network)| {
        let is_member = matches!(network, ResolvedNetwork::Ensemble(_));
        let field = if is_member { "ensemble.members" } else { "from" };
        let field = match stage {
            Stage::Network(name) => format!("networks.{name}.{field}"),
            _ => format!("{}.{field}", stage.name()),
        };
        network.needs().into_iter().map(move |reference| (field.clone(), reference, is_member))
    });
    let own = student.from.map(|reference| ("student.from".to_owned(), reference, false));
    for (field, reference, is_member) in references.chain(own) {
        let refuse = |expected: &str| Err(DriverError::field(file, &field, reference, expected));
        let epochs = match (reference.stage, networks.get(&reference.stage)) {
            (Stage::Baseline | Stage::Student, _) => student.epochs,
            (_, None) => {
                let known: Vec<&str> = networks.keys().map(|stage| stage.name()).collect();
                return refuse(&format!("a network of this recipe, one of {}", known.join(", ")));
            }
            (_, Some(ResolvedNetwork::Ensemble(_))) if is_member => {
                return refuse("a network, for an ensemble is no member of another one");
            }
            (_, Some(ResolvedNetwork::Ensemble(_))) => 0,
            (_, Some(ResolvedNetwork::Single(single))) if single.lead.is_some() => 0,
            (_, Some(ResolvedNetwork::Single(single))) => single.epochs,
        };
        match reference.weights {
            Weights::After(epoch) if !(1..=epochs).contains(&epoch) => {
                return refuse(&format!("an epoch from 1 to its {epochs}"));
            }
            Weights::After(epoch) => keep.push((reference.stage, epoch, field)),
            Weights::Last | Weights::Selected => {}
        }
    }
    for (stage, epoch, field) in keep {
        match networks.get_mut(&stage) {
            Some(ResolvedNetwork::Single(single)) => single.keep.insert(epoch),
            _ => {
                let name = Reference { stage, weights: Weights::After(epoch) };
                let expected = "no epoch: those of baseline and student are not kept";
                return Err(DriverError::field(file, &field, name, expected));
            }
        };
    }
    order(networks).map_err(|circle| {
        let names: Vec<&str> = circle.into_iter().map(Stage::name).collect();
        let expected = "networks that do not learn from themselves";
        DriverError::field(file, "networks", names.join(" <- "), expected)
    })
}

/// The objective of networks that learn from labels alone: the recipe's cross entropy with weight one, or the
/// plain one where it has none.
pub(super) fn label_objective(recipe: &Recipe) -> Vec<TermConfig> {
    let of_recipe = recipe.objective.iter().find_map(|term| match term {
        TermConfig::CrossEntropy(config) => Some(config.clone()),
        _ => None,
    });
    let plain = of_recipe.unwrap_or_default();
    vec![TermConfig::CrossEntropy(CrossEntropyConfig { weight: 1.0.into(), ..plain })]
}

fn network(
    recipe: &Recipe,
    section: &StageSection,
    table: &str,
    source: &Source,
) -> Result<ResolvedNetwork, DriverError> {
    let Some(ensemble) = &section.ensemble else {
        let mut single = stage(recipe, section, table, source)?;
        single.objective = match (&section.objective, single.from) {
            (Some(terms), _) => terms.clone(),
            (None, None) if single.peers.is_empty() => label_objective(recipe),
            (None, _) => recipe.objective.clone(),
        };
        let objective = Objective::new(&single.objective)
            .map_err(|e| DriverError::recipe(&source.file, format!("[{table}] {e}")))?;
        if objective.needs_features() && !single.peers.is_empty() {
            let problem = format!(
                "`{table}.objective` compares features, expected logits alone: it has `peers`"
            );
            return Err(DriverError::recipe(&source.file, problem));
        }
        if objective.needs_teacher() && single.from.is_none() && single.peers.is_empty() {
            let problem = format!(
                "`{table}.objective` has terms that look at a teacher, expected `{table}.from` to name it"
            );
            return Err(DriverError::recipe(&source.file, problem));
        }
        return Ok(ResolvedNetwork::Single(Box::new(single)));
    };
    let alone = StageSection { ensemble: Some(ensemble.clone()), ..Default::default() };
    if *section != alone {
        let problem = format!(
            "`{table}.ensemble` is given, expected nothing else in `[{table}]`: it is not trained"
        );
        return Err(DriverError::recipe(&source.file, problem));
    }
    self::ensemble(ensemble, table, &source.file).map(ResolvedNetwork::Ensemble)
}

fn ensemble(
    section: &EnsembleSection,
    table: &str,
    file: &str,
) -> Result<ResolvedEnsemble, DriverError> {
    let refuse = |field: &str, value: String, expected: &str| {
        Err(DriverError::field(file, &format!("{table}.ensemble.{field}"), value, expected))
    };
    if section.members.len() < 2 {
        return refuse("members", section.members.join(", "), "two networks at the least");
    }
    let mut members = Vec::new();
    for name in &section.members {
        match Reference::parse(name).filter(|member| !members.contains(member)) {
            Some(member) => members.push(member),
            None => {
                return refuse(
                    "members",
                    name.clone(),
                    "`NAME`, `NAME@EPOCH` or `NAME@last`, each once",
                );
            }
        }
    }
    let shares = section.shares.clone().unwrap_or_else(|| vec![1.0; members.len()]);
    if shares.len() != members.len() {
        let expected = format!("a number for each of the {} members", members.len());
        return refuse("shares", format!("{shares:?}"), &expected);
    }
    let sum: f64 = shares.iter().sum();
    if !sum.is_finite() || !shares.iter().all(|share| *share > 0.0) {
        return refuse("shares", format!("{shares:?}"), "finite numbers above 0");
    }
    let temperature = section.temperature.unwrap_or(1.0);
    if !temperature.is_finite() || temperature <= 0.0 {
        return refuse("temperature", temperature.to_string(), "a finite number above 0");
    }
    let shares = shares.into_iter().map(|share| share / sum).collect();
    Ok(ResolvedEnsemble { members, shares, average: section.average, temperature })
}

/// A table's own values; who learns what is not known here.
fn stage(
    recipe: &Recipe,
    section: &StageSection,
    name: &str,
    source: &Source,
) -> Result<ResolvedStage, DriverError> {
    let file = &source.file;
    let in_table = |e| DriverError::recipe(file, format!("[{name}] {e}"));
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
        objective: Vec::new(),
        peers: section.peers.iter().map(|name| Stage::named(name)).collect(),
        lead: None,
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
