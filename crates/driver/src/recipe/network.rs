//! Networks beside teacher and student: who learns from whom, and ensembles.

use std::{collections::BTreeMap, fmt};

use distill_objective::Average;
use serde::{Deserialize, Serialize};

use super::ResolvedStage;
use crate::Stage;

/// `[teacher.ensemble]`, or that of one of the `[networks]`: several networks that answer as one.
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `members` | none | two or more of the `[networks]`, `NAME` or `NAME@EPOCH` |
/// | `average` | `arithmetic` | `arithmetic`, `geometric` mean of the members' probabilities |
/// | `shares` | the same for all | a number above 0 for each member; they are divided by their sum |
/// | `temperature` | 1 | `(0, ∞)`: an arithmetic mean is taken of probabilities softened by it |
///
/// Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2, leave open which mean, and at which temperature.
/// The geometric mean is that of the logits and the same at any temperature. The arithmetic mean is not: set
/// `temperature` to that of the soft targets to have the mean of the members' soft targets. The ensemble itself
/// is judged at temperature 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the table above says it all")]
pub struct EnsembleSection {
    pub members: Vec<String>,
    #[serde(default)]
    pub average: Average,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<Vec<f64>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

/// An ensemble, whole.
#[derive(Debug, Clone, PartialEq)]
pub struct ResolvedEnsemble {
    /// Its members.
    pub members: Vec<Reference>,
    /// What each counts; their sum is 1.
    pub shares: Vec<f64>,
    /// Mean of their probabilities.
    pub average: Average,
    /// Temperature at which an arithmetic mean is taken.
    pub temperature: f64,
}

/// What a stage makes.
#[derive(Debug, Clone)]
pub enum ResolvedNetwork {
    /// One network, trained or given.
    Single(Box<ResolvedStage>),
    /// Others that answer as one.
    Ensemble(ResolvedEnsemble),
}

/// A network that another one learns from, as a recipe names it: `NAME`, `NAME@EPOCH` or `NAME@last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Which network.
    pub stage: Stage,
    /// Its weights.
    pub weights: Weights,
}

/// Which weights of a network's training are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Those of the epoch that the validation split selected.
    Selected,
    /// Those after the last epoch.
    Last,
    /// Those after this epoch, from 1.
    After(usize),
}

impl Reference {
    /// The selected weights of a network.
    pub fn selected(stage: Stage) -> Self {
        Self { stage, weights: Weights::Selected }
    }

    /// Reads `NAME`, `NAME@EPOCH` or `NAME@last`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, weights) = match text.split_once('@') {
            None => (text, Weights::Selected),
            Some((name, "last")) => (name, Weights::Last),
            Some((name, epoch)) => (name, Weights::After(epoch.parse().ok()?)),
        };
        Some(Self { stage: Stage::named(name), weights })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.stage.name();
        match self.weights {
            Weights::Selected => write!(f, "{name}"),
            Weights::Last => write!(f, "{name}@last"),
            Weights::After(epoch) => write!(f, "{name}@{epoch}"),
        }
    }
}

impl Weights {
    /// Their file in the stage's folder.
    pub(crate) fn file(self) -> String {
        match self {
            Self::Selected => "selected.bpk".to_owned(),
            Self::Last => "last.bpk".to_owned(),
            Self::After(epoch) => format!("epoch-{epoch:07}.bpk"),
        }
    }
}

impl ResolvedNetwork {
    /// The networks that have to be there before it.
    pub fn needs(&self) -> Vec<Reference> {
        match self {
            Self::Single(stage) => {
                stage.from.into_iter().chain(stage.lead.map(Reference::selected)).collect()
            }
            Self::Ensemble(ensemble) => ensemble.members.clone(),
        }
    }
}

/// The stages in the order of their making: each after those that it needs, teacher, baseline and student as
/// early as can be. A circle is the error.
pub(super) fn order(networks: &BTreeMap<Stage, ResolvedNetwork>) -> Result<Vec<Stage>, Vec<Stage>> {
    let mut done = Vec::new();
    for stage in Stage::ALL.into_iter().chain(networks.keys().copied()) {
        visit(stage, networks, &mut Vec::new(), &mut done)?;
    }
    Ok(done)
}

fn visit(
    stage: Stage,
    networks: &BTreeMap<Stage, ResolvedNetwork>,
    waiting: &mut Vec<Stage>,
    done: &mut Vec<Stage>,
) -> Result<(), Vec<Stage>> {
    if done.contains(&stage) {
        return Ok(());
    }
    if let Some(at) = waiting.iter().position(|other| *other == stage) {
        return Err([&waiting[at..], &[stage]].concat());
    }
    waiting.push(stage);
    let needs = match networks.get(&stage) {
        Some(network) => network.needs(),
        None if stage == Stage::Student => vec![Reference::selected(Stage::Teacher)],
        None => Vec::new(),
    };
    for reference in needs {
        visit(reference.stage, networks, waiting, done)?;
    }
    waiting.pop();
    done.push(stage);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_name_and_an_epoch() {
        for text in ["teacher", "small-1@last", "a@5"] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Reference::parse("a@x"), None);
        assert_eq!(Reference::parse("a@5").unwrap().weights.file(), "epoch-0000005.bpk");
    }

    #[test]
    fn what_is_needed_comes_first_and_circles_are_found() {
        let ensemble = |members: &[&str]| {
            let members = members.iter().map(|name| Reference::parse(name).unwrap()).collect();
            let average = Average::Arithmetic;
            let ensemble =
                ResolvedEnsemble { members, shares: Vec::new(), average, temperature: 1.0 };
            ResolvedNetwork::Ensemble(ensemble)
        };
        let names = |stages: Vec<Stage>| stages.into_iter().map(Stage::name).collect::<Vec<_>>();
        let mut networks = BTreeMap::from([
            (Stage::named("a"), ensemble(&["c"])),
            (Stage::named("b"), ensemble(&["student"])),
            (Stage::named("c"), ensemble(&[])),
            (Stage::Teacher, ensemble(&["a"])),
        ]);
        let made = names(order(&networks).unwrap());
        assert_eq!(made, ["c", "a", "teacher", "baseline", "student", "b"]);
        networks.insert(Stage::named("c"), ensemble(&["a"]));
        assert_eq!(names(order(&networks).unwrap_err()), ["a", "c", "a"]);
    }
}
