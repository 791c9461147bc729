//! Specialists and what they answer as together: every value checked.

use std::collections::BTreeMap;

use super::{
    Recipe, Reference, ResolvedNetwork, ResolvedSpecialist, ResolvedSpecialists, Source,
    SpecialistSection, SpecialistsSection, StageSection, objective::label_terms, single::single,
};
use crate::{DriverError, Stage};

/// A network that starts as another one and learns to tell some classes apart.
pub(super) fn specialist(
    recipe: &Recipe,
    section: &StageSection,
    table: &str,
    own: &SpecialistSection,
    networks: &BTreeMap<Stage, ResolvedNetwork>,
    source: &Source,
) -> Result<ResolvedNetwork, DriverError> {
    let refuse = |field: &str, value: &dyn ToString, expected: &str| {
        let field = format!("{table}.specialist.{field}");
        Err(DriverError::field(&source.file, &field, value.to_string(), expected))
    };
    let generalist = Reference::parse(&own.of);
    let network = generalist.and_then(|of| Some((of, networks.get(&of.stage)?)));
    let Some((of, ResolvedNetwork::Single(general))) = network else {
        return refuse("of", &own.of, "one network of this recipe that knows all classes");
    };
    if own.clusters < 2 {
        return refuse("clusters", &own.clusters, "from 2 to the classes");
    }
    if !(1..=own.clusters).contains(&own.cluster) {
        let expected = format!("from 1 to the {} of `clusters`", own.clusters);
        return refuse("cluster", &own.cluster, &expected);
    }
    if !general.without.is_empty() {
        return refuse("of", &own.of, "a network that knows all classes, and has no `without`");
    }
    let allowed = StageSection {
        specialist: section.specialist.clone(),
        epochs: section.epochs,
        train: section.train,
        augment: section.augment.clone(),
        objective: section.objective.clone(),
        optimizer: section.optimizer.clone(),
        schedule: section.schedule.clone(),
        ..Default::default()
    };
    if allowed != *section {
        let problem = format!(
            "`{table}.specialist` is given, expected beside it no more than `epochs`, `train`, `augment`, `objective`, \
             `optimizer` and `schedule`: it starts as its generalist and learns from labels"
        );
        return Err(DriverError::recipe(&source.file, problem));
    }
    let whole = StageSection { model: general.model.clone(), ..section.clone() };
    let terms = section.objective.clone().unwrap_or_else(|| label_terms(recipe));
    let mut single = single(recipe, &whole, table, terms, source)?;
    single.architecture = general.architecture.clone();
    single.specialist =
        Some(ResolvedSpecialist { of, cluster: own.cluster, clusters: own.clusters });
    if single.objective.built().needs_teacher() {
        let problem = format!("`{table}.objective` looks at a teacher, expected labels alone");
        return Err(DriverError::recipe(&source.file, problem));
    }
    Ok(ResolvedNetwork::Single(Box::new(single)))
}

/// A generalist and its specialists as one.
pub(super) fn specialists(
    section: &SpecialistsSection,
    recipe: &Recipe,
    table: &str,
    file: &str,
) -> Result<ResolvedNetwork, DriverError> {
    let refuse = |field: &str, value: &dyn ToString, expected: &str| {
        let field = format!("{table}.specialists.{field}");
        Err(DriverError::field(file, &field, value.to_string(), expected))
    };
    let Some(generalist) = Reference::parse(&section.generalist) else {
        return refuse("generalist", &section.generalist, "`NAME`, `NAME@EPOCH` or `NAME@last`");
    };
    let mut members = Vec::new();
    for name in &section.members {
        let own = recipe.networks.get(name).and_then(|section| section.specialist.as_ref());
        let member = Stage::named(name);
        let knows_it = own.is_some_and(|own| own.of == section.generalist);
        if !knows_it || members.contains(&member) {
            let expected =
                "names of networks with a `specialist` table `of` the generalist, each once";
            return refuse("members", name, expected);
        }
        members.push(member);
    }
    if members.is_empty() {
        return refuse("members", &"[]", "one specialist at the least");
    }
    if section.top == 0 {
        return refuse("top", &0, "at least 1");
    }
    let all = ResolvedSpecialists { generalist, members, top: section.top };
    Ok(ResolvedNetwork::Specialists(all))
}
