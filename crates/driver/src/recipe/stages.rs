//! The tables `[teacher]`, `[student]` and `[networks]`: what each of them makes.

use std::collections::BTreeMap;

use super::{
    EnsembleSection, Recipe, Reference, ResolvedEnsemble, ResolvedNetwork, ResolvedStage, Source,
    StageSection,
    objective::label_terms,
    single::single,
    specialists::{specialist, specialists},
};
use crate::{DriverError, Stage};

/// The student of a recipe.
pub(super) fn student(recipe: &Recipe, source: &Source) -> Result<ResolvedStage, DriverError> {
    let section = &recipe.student;
    let refuse = |field: &str, value: String, expected: &str| {
        Err(DriverError::field(&source.file, &format!("student.{field}"), value, expected))
    };
    let several = [
        ("specialist", section.specialist.is_some()),
        ("specialists", section.specialists.is_some()),
    ];
    if let Some((field, _)) = several.into_iter().find(|(_, given)| *given) {
        let expected = "to be left out: a student is one network that knows all classes";
        return refuse(field, "given".to_owned(), expected);
    }
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
    let mut student = single(recipe, section, "student", recipe.objective.clone(), source)?;
    if !student.peers.is_empty() && student.objective.built().needs_features() {
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
    if recipe.teacher.specialist.is_some() {
        let expected = "to be left out: a specialist is one of the `[networks]`";
        return Err(DriverError::field(file, "teacher.specialist", "given", expected));
    }
    networks.insert(Stage::Teacher, network(recipe, &recipe.teacher, "teacher", source)?);
    let leads = leads(recipe, file)?;
    // Specialists start as another network, which has to be known.
    let (specialists, others): (Vec<_>, Vec<_>) =
        recipe.networks.iter().partition(|(_, section)| section.specialist.is_some());
    for (name, section) in others.into_iter().chain(specialists) {
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
        let table = stage.table();
        let network = match (leads.get(name.as_str()), &section.specialist) {
            (Some((lead, of)), _) => peer(recipe, section, &table, (*lead, of), source)?,
            (None, Some(own)) => specialist(recipe, section, &table, own, &networks, source)?,
            (None, None) => network(recipe, section, &table, source)?,
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
                let field = format!("{}.peers", lead.table());
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
    let (model, overrides) = (section.model.clone(), section.overrides());
    let own = StageSection::default().with_network(model.clone(), overrides.clone());
    if own != *section {
        let lead = lead.name();
        let problem = format!(
            "`{table}` is a peer of `{lead}`, expected a model and nothing else: all else is as there"
        );
        return Err(DriverError::recipe(&source.file, problem));
    }
    let whole = StageSection { peers: Vec::new(), paired: false, ..of.clone() };
    let whole = whole.with_network(model, overrides);
    let terms = of.objective.clone().unwrap_or_else(|| recipe.objective.clone());
    let mut single = single(recipe, &whole, table, terms, source)?;
    single.lead = Some(lead);
    Ok(ResolvedNetwork::Single(Box::new(single)))
}

fn network(
    recipe: &Recipe,
    section: &StageSection,
    table: &str,
    source: &Source,
) -> Result<ResolvedNetwork, DriverError> {
    if let Some(all) = &section.specialists {
        let alone = StageSection { specialists: Some(all.clone()), ..Default::default() };
        if *section != alone {
            return Err(not_alone("specialists", table, source));
        }
        return specialists(all, recipe, table, &source.file);
    }
    let Some(ensemble) = &section.ensemble else {
        let terms = match (&section.objective, &section.from) {
            (Some(terms), _) => terms.clone(),
            (None, None) if section.peers.is_empty() => label_terms(recipe),
            (None, _) => recipe.objective.clone(),
        };
        let single = single(recipe, section, table, terms, source)?;
        let objective = single.objective.built();
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
        if let Some(from) = single.from.filter(|_| !objective.needs_teacher()) {
            let expected = "to be left out, or an objective that looks at a teacher";
            return Err(DriverError::field(&source.file, &format!("{table}.from"), from, expected));
        }
        return Ok(ResolvedNetwork::Single(Box::new(single)));
    };
    let alone = StageSection { ensemble: Some(ensemble.clone()), ..Default::default() };
    if *section != alone {
        return Err(not_alone("ensemble", table, source));
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

fn not_alone(what: &str, table: &str, source: &Source) -> DriverError {
    let problem = format!(
        "`{table}.{what}` is given, expected nothing else in `[{table}]`: it is not trained"
    );
    DriverError::recipe(&source.file, problem)
}
