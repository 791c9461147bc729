//! Networks beside teacher and student: who learns from whom, and ensembles.

use distill_objective::Average;
use serde::{Deserialize, Serialize};

use super::{Reference, ResolvedStage};
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
/// is evaluated at temperature 1.
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
