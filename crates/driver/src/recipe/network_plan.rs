//! What a stage makes: one network and where its weights come from, or several whose outputs are combined.

use std::{collections::BTreeSet, path::PathBuf};

use distill_datasets::Augment;
use distill_models::Architecture;
use distill_objective::Average;

use super::{Reference, StageObjective};
use crate::{
    Stage,
    training::{EarlyStopping, OptimizerConfig, ScheduleConfig},
};

/// What a stage makes.
#[derive(Debug, Clone)]
pub enum NetworkPlan {
    /// One network, with weights of its own.
    Single(Box<SinglePlan>),
    /// Others whose outputs are combined.
    Ensemble(EnsemblePlan),
    /// One and others that know some classes better.
    Specialists(SpecialistsPlan),
}

/// A network with weights of its own, the images that it takes and where its weights come from.
#[derive(Debug, Clone)]
pub struct SinglePlan {
    /// Its table in the recipe, for messages.
    pub table: String,
    /// Name of the network.
    pub model: String,
    /// Its configuration.
    pub architecture: Architecture,
    /// Image size in pixels, where it is not the data's.
    pub size: Option<usize>,
    /// Its own mean of each channel.
    pub mean: Option<Vec<f32>>,
    /// Its own deviation of each channel.
    pub std: Option<Vec<f32>>,
    /// Where its weights come from.
    pub origin: Origin,
}

/// A file of trained weights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenWeights {
    /// The file.
    pub file: PathBuf,
    /// Which network of the file, where it holds several.
    pub key: Option<String>,
    /// Class names in the order of its logits; empty where the recipe does not say them.
    pub classes: Vec<String>,
}

/// Where the weights of a network come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Training in its own stage.
    Trained(Box<TrainingPlan>),
    /// A file of trained weights.
    Pretrained(GivenWeights),
    /// The stage of its lead, in which it is trained as the lead is.
    Peer(Stage),
}

/// How a network is trained.
#[derive(Debug, Clone)]
pub struct TrainingPlan {
    /// Passes over the data, at least 1.
    pub epochs: usize,
    /// Its initial weights.
    pub start: Start,
    /// Trained weights that its initial weights are replaced by.
    pub init: Option<GivenWeights>,
    /// First epochs in which the last layer alone is trained. Default 0.
    pub freeze_epochs: usize,
    /// When it stops before its last epoch.
    pub early_stopping: Option<EarlyStopping>,
    /// What it learns from.
    pub learns_from: LearnsFrom,
    /// What it minimises.
    pub objective: StageObjective,
    /// Epochs whose weights are kept, for another network learns from them.
    pub keep: BTreeSet<usize>,
    /// Training images, where they are not all of them.
    pub train: Option<usize>,
    /// Names of classes that it is trained without.
    pub without: Vec<String>,
    /// Data augmentation of its training images.
    pub augment: Vec<Augment>,
    /// The optimizer.
    pub optimizer: OptimizerConfig,
    /// The schedule.
    pub schedule: ScheduleConfig,
}

/// Initial weights of a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// Random numbers of its own.
    Own,
    /// The random numbers of the student, whose batches it has too.
    Student,
    /// The weights of its generalist.
    Generalist(SpecialistPlan),
}

/// What a network learns from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LearnsFrom {
    /// Labels alone.
    Labels,
    /// The outputs of a teacher, and labels where the objective says so.
    Teacher(Reference),
    /// Networks that learn together with it, each from the others.
    Peers(Vec<Stage>),
}

/// A specialist's classes, before it is known which these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpecialistPlan {
    /// The generalist.
    pub of: Reference,
    /// Its cluster, from 1.
    pub cluster: usize,
    /// How many there are.
    pub clusters: usize,
}

/// An ensemble.
#[derive(Debug, Clone, PartialEq)]
pub struct EnsemblePlan {
    /// Its members.
    pub members: Vec<Reference>,
    /// What each counts; their sum is 1.
    pub shares: Vec<f64>,
    /// Mean of their probabilities.
    pub average: Average,
    /// Temperature at which an arithmetic mean is taken.
    pub temperature: f64,
}

/// A generalist with its specialists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecialistsPlan {
    /// The network that knows all classes.
    pub generalist: Reference,
    /// The specialists, with their selected weights.
    pub members: Vec<Stage>,
    /// Likeliest classes of the generalist that wake a specialist.
    pub top: usize,
}

impl NetworkPlan {
    /// The one network that it is, unless it is several.
    pub fn single(&self) -> Option<&SinglePlan> {
        match self {
            Self::Single(single) => Some(single),
            Self::Ensemble(_) | Self::Specialists(_) => None,
        }
    }

    /// The networks that have to be there before it.
    pub fn needs(&self) -> Vec<Reference> {
        match self {
            Self::Single(single) => single.needs().into_iter().collect(),
            Self::Ensemble(ensemble) => ensemble.members.clone(),
            Self::Specialists(all) => {
                let members = all.members.iter().copied().map(Reference::selected);
                members.chain([all.generalist]).collect()
            }
        }
    }
}

impl SinglePlan {
    /// How it is trained in its own stage.
    pub fn training(&self) -> Option<&TrainingPlan> {
        match &self.origin {
            Origin::Trained(training) => Some(training),
            Origin::Pretrained(_) | Origin::Peer(_) => None,
        }
    }

    /// The trained weights that it is, or that its training starts from.
    pub fn given(&self) -> Option<&GivenWeights> {
        match &self.origin {
            Origin::Pretrained(given) => Some(given),
            Origin::Trained(training) => training.init.as_ref(),
            Origin::Peer(_) => None,
        }
    }

    /// The classes that it alone tells apart; `None` for a network of all classes.
    pub fn specialist(&self) -> Option<SpecialistPlan> {
        match self.training()?.start {
            Start::Generalist(specialist) => Some(specialist),
            Start::Own | Start::Student => None,
        }
    }

    fn needs(&self) -> Option<Reference> {
        let training = match &self.origin {
            Origin::Trained(training) => training,
            Origin::Pretrained(_) => return None,
            Origin::Peer(lead) => return Some(Reference::selected(*lead)),
        };
        match (training.start, &training.learns_from) {
            (Start::Generalist(specialist), _) => Some(specialist.of),
            (_, LearnsFrom::Teacher(teacher)) => Some(*teacher),
            (_, LearnsFrom::Labels | LearnsFrom::Peers(_)) => None,
        }
    }
}

impl TrainingPlan {
    /// The networks that learn together with it.
    pub fn peers(&self) -> &[Stage] {
        match &self.learns_from {
            LearnsFrom::Peers(peers) => peers,
            LearnsFrom::Labels | LearnsFrom::Teacher(_) => &[],
        }
    }
}
