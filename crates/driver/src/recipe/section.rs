//! What the table of a network makes, with the fields that such a network can have.

use std::{collections::BTreeSet, path::Path};

use distill_datasets::Augment;
use distill_models::Overrides;
use serde::Serialize;

use super::{
    EnsembleSection, LearnsFrom, OptimizerSection, SpecialistSection, SpecialistsSection,
    StageSection,
    table::Table,
    training_section::{GivenSection, TrainingSection},
};
use crate::{DriverError, Stage};

/// A table of a recipe, by what it makes. Its values are not checked yet.
#[derive(Debug)]
pub(super) enum NetworkSection {
    /// A network trained on labels, on the outputs of a teacher or together with others.
    Trained(Box<TrainedSection>),
    /// A network with trained weights from a file.
    Pretrained(Box<PretrainedSection>),
    /// A network that starts as its generalist and learns to tell some classes apart, from labels.
    Specialist(SpecialistSection, Box<TrainingSection>),
    /// Networks whose outputs are combined.
    Ensemble(EnsembleSection),
    /// A generalist and specialists whose outputs are combined.
    Specialists(SpecialistsSection),
    /// A network trained together with its lead, in whose table all else is.
    Peer(Stage, Box<ModelSection>),
}

/// A network and the images that it takes.
#[derive(Debug)]
pub(super) struct ModelSection {
    pub(super) model: String,
    pub(super) overrides: Overrides,
    pub(super) size: Option<usize>,
    pub(super) mean: Option<Vec<f32>>,
    pub(super) std: Option<Vec<f32>>,
}

#[derive(Debug)]
pub(super) struct TrainedSection {
    pub(super) model: ModelSection,
    pub(super) training: TrainingSection,
    pub(super) learns_from: LearnsFrom,
    pub(super) paired: bool,
    pub(super) without: Vec<String>,
}

/// Weights that are taken as they are: optimizer and augmentation are checked and do not count.
#[derive(Debug)]
pub(super) struct PretrainedSection {
    pub(super) model: ModelSection,
    pub(super) given: GivenSection,
    pub(super) optimizer: OptimizerSection,
    pub(super) augment: Option<Vec<Augment>>,
}

impl NetworkSection {
    /// What `[teacher]` makes.
    ///
    /// # Errors
    /// [`DriverError`] for fields that exclude one another, or that a teacher cannot have.
    pub(super) fn teacher(section: &StageSection, table: Table<'_>) -> Result<Self, DriverError> {
        if !section.without.is_empty() {
            let expected = "to be left out: the student is the one that does not see all classes";
            return Err(table.refuse("without", section.without.join(", "), expected));
        }
        if section.specialist.is_some() {
            let expected = "to be left out: a specialist is one of the `[networks]`";
            return Err(table.refuse("specialist", "given", expected));
        }
        Self::network(section, table)
    }

    /// What one of the `[networks]` that is no peer makes.
    ///
    /// # Errors
    /// [`DriverError`] for fields that exclude one another.
    pub(super) fn network(section: &StageSection, table: Table<'_>) -> Result<Self, DriverError> {
        let StageSection { specialist, specialists, ensemble, weights, .. } = section;
        if let Some(own) = specialist {
            let training = of_specialist(section, table)?;
            return Ok(Self::Specialist(own.clone(), Box::new(training)));
        }
        if let Some(all) = specialists {
            alone("specialists", section, table)?;
            return Ok(Self::Specialists(all.clone()));
        }
        if let Some(ensemble) = ensemble {
            alone("ensemble", section, table)?;
            return Ok(Self::Ensemble(ensemble.clone()));
        }
        Ok(match (weights, section.epochs.unwrap_or(0)) {
            (Some(weights), 0) => {
                Self::Pretrained(Box::new(PretrainedSection::of(section, weights, table)?))
            }
            _ => Self::Trained(Box::new(TrainedSection::of(section, table)?)),
        })
    }

    /// A network that learns together with the lead `of`, with all that is said there.
    ///
    /// # Errors
    /// [`DriverError`] for fields beside those of its model.
    pub(super) fn peer(
        section: &StageSection,
        (lead, of): (Stage, &StageSection),
        table: Table<'_>,
    ) -> Result<Self, DriverError> {
        let mut fields = given(section);
        fields.remove("model");
        if fields != given(&section.overrides()) {
            let (name, lead) = (table.name, lead.name());
            return Err(table.problem(format!(
                "`{name}` is a peer of `{lead}`, expected a model and nothing else: all else is as there"
            )));
        }
        let own = ModelSection::of(section, table)?;
        let StageSection { size, mean, std, .. } = of.clone();
        Ok(Self::Peer(lead, Box::new(ModelSection { size, mean, std, ..own })))
    }
}

impl ModelSection {
    fn of(section: &StageSection, table: Table<'_>) -> Result<Self, DriverError> {
        let overrides = section.overrides();
        let StageSection { model, size, mean, std, .. } = section.clone();
        if model.is_empty() {
            return Err(table.problem(format!("`{}` needs `model`", table.name)));
        }
        Ok(Self { model, overrides, size, mean, std })
    }
}

impl TrainedSection {
    /// The network of `[student]`.
    ///
    /// # Errors
    /// [`DriverError`] for a field that a student cannot have.
    pub(super) fn student(section: &StageSection, table: Table<'_>) -> Result<Self, DriverError> {
        let knows_all = "to be left out: a student is one network that knows all classes";
        if section.specialist.is_some() {
            return Err(table.refuse("specialist", "given", knows_all));
        }
        if section.specialists.is_some() {
            return Err(table.refuse("specialists", "given", knows_all));
        }
        if section.ensemble.is_some() {
            let expected = "to be left out: a student is one network";
            return Err(table.refuse("ensemble", "given", expected));
        }
        if section.objective.is_some() {
            let expected = "to be left out: the recipe's `[[objective]]` is the student's";
            return Err(table.refuse("objective", "given", expected));
        }
        let student = Self::of(section, table)?;
        match student.learns_from {
            LearnsFrom::Teacher(from) if from.stage != Stage::Teacher => {
                let expected = "`teacher`, or `teacher@` with an epoch; `[teacher]` itself may be any network or ensemble";
                Err(table.refuse("from", from, expected))
            }
            _ => Ok(student),
        }
    }

    fn of(section: &StageSection, table: Table<'_>) -> Result<Self, DriverError> {
        let model = ModelSection::of(section, table)?;
        let training = TrainingSection::of(section, table)?;
        let StageSection { from, peers, paired, without, .. } = section.clone();
        let from = from.map(|from| table.reference("from", &from)).transpose()?;
        let learns_from = match (from, peers.first()) {
            (Some(from), Some(peer)) => {
                let expected = format!("to be left out: it learns from its peer `{peer}`");
                return Err(table.refuse("from", from, &expected));
            }
            (Some(from), None) => LearnsFrom::Teacher(from),
            (None, Some(_)) => {
                LearnsFrom::Peers(peers.iter().map(|name| Stage::named(name)).collect())
            }
            (None, None) => LearnsFrom::Labels,
        };
        if paired && !table.name.starts_with("networks.") {
            let expected = "to be left out: only the `[networks]` can be like the student";
            return Err(table.refuse("paired", true, expected));
        }
        Ok(Self { model, training, learns_from, paired, without })
    }
}

impl PretrainedSection {
    fn of(section: &StageSection, weights: &Path, table: Table<'_>) -> Result<Self, DriverError> {
        let model = ModelSection::of(section, table)?;
        let expected = "to be left out: given weights are not trained";
        if let Some(from) = &section.from {
            return Err(table.refuse("from", table.reference("from", from)?, expected));
        }
        let fields = given(section);
        let of_training =
            ["train", "paired", "objective", "without", "freeze_epochs", "patience", "min_delta"];
        if let Some(field) = of_training.into_iter().find(|field| fields.contains(*field)) {
            return Err(table.refuse(field, "given", expected));
        }
        if let Some(peer) = section.peers.first() {
            let expected = format!("to be left out: it learns together with `{peer}`");
            return Err(table.refuse("weights", weights.display(), &expected));
        }
        let StageSection { optimizer, augment, .. } = section.clone();
        Ok(Self { model, given: GivenSection::of(section, weights), optimizer, augment })
    }
}

/// How a specialist is trained.
fn of_specialist(section: &StageSection, table: Table<'_>) -> Result<TrainingSection, DriverError> {
    let allowed = [
        "specialist",
        "epochs",
        "patience",
        "min_delta",
        "train",
        "augment",
        "objective",
        "optimizer",
        "schedule",
    ];
    if !given(section).iter().all(|field| allowed.contains(&field.as_str())) {
        return Err(table.problem(format!(
            "`{}.specialist` is given, expected beside it no more than `epochs`, `patience`, `min_delta`, `train`, `augment`, `objective`, \
             `optimizer` and `schedule`: it starts as its generalist and learns from labels",
            table.name
        )));
    }
    TrainingSection::of(section, table)
}

/// Refuses all fields beside `what`.
fn alone(what: &str, section: &StageSection, table: Table<'_>) -> Result<(), DriverError> {
    if given(section).iter().all(|field| field == what) {
        return Ok(());
    }
    let name = table.name;
    Err(table.problem(format!(
        "`{name}.{what}` is given, expected nothing else in `[{name}]`: it is not trained"
    )))
}

/// Names of the fields that are set. An empty table says nothing.
fn given(section: &impl Serialize) -> BTreeSet<String> {
    let fields = serde_json::to_value(section).expect("a section serialises");
    let mut fields = fields.as_object().cloned().unwrap_or_default();
    fields.retain(|_, value| value.as_object().is_none_or(|table| !table.is_empty()));
    fields.into_iter().map(|(name, _)| name).collect()
}
