//! From what is written to what is run.

use std::collections::BTreeMap;

use distill_objective::Objective;

use super::{
    NetworkPlan, Plan, Recipe, Reference, SinglePlan, Source, SpecialistSection, StageObjective,
    StagePlan, checks::check_recipe, objective::label_terms, order::in_order,
    section::NetworkSection, sections::Sections, several, single, table::Table,
};
use crate::{DriverError, Stage};

impl Plan {
    /// Checks everything that can be checked before data is touched.
    ///
    /// # Errors
    /// [`DriverError`] naming file, field, value and what was expected.
    pub fn new(recipe: Recipe, source: &Source) -> Result<Self, DriverError> {
        let file = &source.file;
        check_recipe(&recipe, file)?;
        let refuse = |e| DriverError::objective(file, &e);
        Objective::new(&recipe.objective).map_err(refuse)?;
        let weights = recipe.data.class_weights.as_ref();
        let baseline = StageObjective::new(label_terms(&recipe), weights).map_err(refuse)?;
        let sections = Sections::of(&recipe, file)?;
        let teacher = single::reference_teacher(&sections.student.learns_from);
        let table = Table { name: Stage::Student.name(), file };
        let student = single::student(&sections.student, &recipe, table, source)?;
        let baseline = single::baseline(&student, baseline);
        let mut networks = BTreeMap::from([
            (Stage::Baseline, NetworkPlan::Single(Box::new(baseline))),
            (Stage::Student, NetworkPlan::Single(Box::new(student))),
        ]);
        // Specialists start as another network, which has to be known.
        let (specialists, others): (Vec<_>, Vec<_>) = sections
            .others
            .iter()
            .partition(|(_, section)| matches!(section, NetworkSection::Specialist(..)));
        for (stage, section) in others.into_iter().chain(specialists) {
            let network = network(*stage, section, &sections, &networks, &recipe, source)?;
            networks.insert(*stage, network);
        }
        let mut stages = Vec::new();
        for stage in in_order(teacher, &mut networks, file)? {
            stages.extend(networks.remove(&stage).map(|makes| StagePlan { stage, makes }));
        }
        Ok(Self { recipe, file: file.clone(), teacher, stages })
    }
}

/// What a table of the teacher or of one of the `[networks]` makes; of a specialist beside the networks that are
/// there already.
fn network(
    stage: Stage,
    section: &NetworkSection,
    sections: &Sections,
    networks: &BTreeMap<Stage, NetworkPlan>,
    recipe: &Recipe,
    source: &Source,
) -> Result<NetworkPlan, DriverError> {
    let table = Table { name: &stage.table(), file: &source.file };
    let single = match section {
        NetworkSection::Ensemble(all) => {
            return several::ensemble(all, table).map(NetworkPlan::Ensemble);
        }
        NetworkSection::Specialists(all) => {
            let all = several::specialists(all, sections, table);
            return all.map(NetworkPlan::Specialists);
        }
        NetworkSection::Trained(trained) => {
            let student = networks.get(&Stage::Student).and_then(NetworkPlan::single);
            single::trained(trained, student, recipe, table, source)?
        }
        NetworkSection::Pretrained(given) => single::pretrained(given, recipe, table, source)?,
        NetworkSection::Peer(lead, model) => single::peer(*lead, model, table)?,
        NetworkSection::Specialist(own, training) => {
            let generalist = generalist(own, sections, networks, table)?;
            single::specialist(own, training, generalist, recipe, table)?
        }
    };
    Ok(NetworkPlan::Single(Box::new(single)))
}

/// The network that a specialist starts as.
fn generalist<'a>(
    own: &SpecialistSection,
    sections: &Sections,
    networks: &'a BTreeMap<Stage, NetworkPlan>,
    table: Table<'_>,
) -> Result<(Reference, &'a SinglePlan), DriverError> {
    let of = Reference::parse(&own.of).filter(|of| match sections.others.get(&of.stage) {
        Some(NetworkSection::Specialist(..)) | None => false,
        Some(_) => true,
    });
    let Some(found) = of.and_then(|of| Some((of, networks.get(&of.stage)?.single()?))) else {
        let expected = "one network of this recipe that knows all classes";
        return Err(table.refuse("specialist.of", &own.of, expected));
    };
    if !sections.without(found.0.stage).is_empty() {
        let expected = "a network that knows all classes, and has no `without`";
        return Err(table.refuse("specialist.of", &own.of, expected));
    }
    Ok(found)
}
