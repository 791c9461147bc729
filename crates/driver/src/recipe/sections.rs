//! All tables of networks of a recipe, each by what it makes.

use std::collections::BTreeMap;

use super::{
    Recipe, StageSection,
    section::{NetworkSection, TrainedSection},
    table::Table,
};
use crate::{DriverError, Stage};

/// The tables of a recipe.
#[derive(Debug)]
pub(super) struct Sections {
    /// `[student]`.
    pub(super) student: TrainedSection,
    /// `[teacher]` and the `[networks]`.
    pub(super) others: BTreeMap<Stage, NetworkSection>,
}

impl Sections {
    /// The tables of `recipe`.
    ///
    /// # Errors
    /// [`DriverError`] for fields that exclude one another, for names that no network can have, and for peers that
    /// are none.
    pub(super) fn of(recipe: &Recipe, file: &str) -> Result<Self, DriverError> {
        let student = Table { name: Stage::Student.name(), file };
        let student = TrainedSection::student(&recipe.student, student)?;
        let teacher = Table { name: Stage::Teacher.name(), file };
        let teacher = NetworkSection::teacher(&recipe.teacher, teacher)?;
        let mut others = BTreeMap::from([(Stage::Teacher, teacher)]);
        let leads = leads(recipe, file)?;
        for (name, section) in &recipe.networks {
            let stage = network_name(name, file)?;
            let table = Table { name: &stage.table(), file };
            let network = match leads.get(&stage) {
                Some(lead) => NetworkSection::peer(section, *lead, table)?,
                None => NetworkSection::network(section, table)?,
            };
            others.insert(stage, network);
        }
        Ok(Self { student, others })
    }

    /// The names of classes that a network is trained without; a peer has those of its lead.
    pub(super) fn without(&self, stage: Stage) -> &[String] {
        match self.others.get(&stage) {
            _ if stage == Stage::Student => &self.student.without,
            Some(NetworkSection::Trained(trained)) => &trained.without,
            Some(NetworkSection::Peer(lead, _)) => self.without(*lead),
            _ => &[],
        }
    }
}

fn network_name(name: &str, file: &str) -> Result<Stage, DriverError> {
    let stage = Stage::named(name);
    if name.is_empty()
        || name.len() > 64
        || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c))
        || Stage::ALL.contains(&stage)
    {
        let expected =
            "up to 64 letters, digits, `-` and `_`, and none of `teacher`, `baseline`, `student`";
        return Err(DriverError::field(file, "networks", name, expected));
    }
    Ok(stage)
}

/// The network that each peer learns together with.
fn leads<'a>(
    recipe: &'a Recipe,
    file: &str,
) -> Result<BTreeMap<Stage, (Stage, &'a StageSection)>, DriverError> {
    let networks = recipe.networks.iter().map(|(name, section)| (Stage::named(name), section));
    let sections =
        networks.chain([(Stage::Teacher, &recipe.teacher), (Stage::Student, &recipe.student)]);
    let mut leads = BTreeMap::new();
    for (lead, section) in sections {
        for peer in &section.peers {
            let is_network = recipe.networks.get(peer).is_some_and(|own| own.peers.is_empty());
            let is_new = leads.insert(Stage::named(peer), (lead, section)).is_none();
            if !is_network || !is_new || peer == lead.name() {
                let expected = "other networks of `[networks]`, each a peer once and without `peers` of its own";
                let field = format!("{}.peers", lead.table());
                return Err(DriverError::field(file, &field, peer, expected));
            }
        }
    }
    Ok(leads)
}
