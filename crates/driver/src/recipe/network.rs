//! Networks beside teacher and student: who learns from whom, and ensembles.

use std::fmt;

use distill_objective::Average;
use serde::{Deserialize, Serialize};

use super::ResolvedStage;
use crate::Stage;

/// `[teacher.ensemble]`, or that of one of the `[networks]`: several networks that answer as one.
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `members` | none | two or more networks of the recipe, `NAME`, `NAME@EPOCH` or `NAME@last` |
/// | `average` | `arithmetic` | `arithmetic`, `geometric` mean of the members' probabilities |
/// | `shares` | the same for all | a number above 0 for each member; they are divided by their sum |
/// | `temperature` | 1 | `(0, ∞)`: an arithmetic mean is taken of probabilities softened by it |
///
/// Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 2, leave open which mean, and at which temperature.
/// The geometric mean is that of the logits and the same at any temperature. The arithmetic mean is not: set
/// `temperature` to that of the soft targets to have the mean of the members' soft targets. The ensemble itself
/// is judged at temperature 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// `[networks.NAME.specialist]`: a network that starts as another one and learns to tell some classes apart, with
/// one more for all the rest, the dustbin. Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 5.
///
/// The classes come from the generalist's own confusions: K-means over the columns of the covariance of its
/// probabilities for the validation images. The training images are all those of the specialist's classes, and as
/// many others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SpecialistSection {
    /// The generalist, a network of its own.
    pub of: String,
    /// Which cluster of classes is its own, from 1.
    pub cluster: usize,
    /// How many clusters there are, from 2 to the classes.
    pub clusters: usize,
}

/// `[teacher.specialists]`, or that of one of the `[networks]`: a generalist and specialists that answer as one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SpecialistsSection {
    /// The network that knows all classes.
    pub generalist: String,
    /// Networks with a `specialist` table.
    pub members: Vec<String>,
    /// A specialist is asked where one of so many likeliest classes of the generalist is its own. Default 1.
    #[serde(default = "one")]
    pub top: usize,
}

fn one() -> usize {
    1
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

/// A generalist with its specialists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedSpecialists {
    /// The network that knows all classes.
    pub generalist: Reference,
    /// The specialists, with their selected weights.
    pub members: Vec<Stage>,
    /// Likeliest classes of the generalist that wake a specialist.
    pub top: usize,
}

/// What a stage makes.
#[derive(Debug, Clone)]
pub enum ResolvedNetwork {
    /// One network, trained or given.
    Single(Box<ResolvedStage>),
    /// Others that answer as one.
    Ensemble(ResolvedEnsemble),
    /// One and others that know some classes better.
    Specialists(ResolvedSpecialists),
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
    /// The one network that it is, unless it is several.
    pub(crate) fn single(&self) -> Option<&ResolvedStage> {
        match self {
            Self::Single(single) => Some(single),
            _ => None,
        }
    }

    /// The networks that have to be there before it.
    pub fn needs(&self) -> Vec<Reference> {
        match self {
            Self::Single(stage) => {
                let lead = stage.lead.map(Reference::selected);
                let generalist = stage.specialist.map(|specialist| specialist.of);
                stage.from.into_iter().chain(lead).chain(generalist).collect()
            }
            Self::Ensemble(ensemble) => ensemble.members.clone(),
            Self::Specialists(all) => {
                let members = all.members.iter().copied().map(Reference::selected);
                members.chain([all.generalist]).collect()
            }
        }
    }
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
}
