//! Specialists: the classes of each, what it learns from, and its outputs beside its generalist's.

use distill_datasets::{
    Loader,
    keyed::{KeyedRng, Operation},
};
use distill_models::Network;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Pipeline;
use crate::{
    DriverError, Observer, Stage,
    cluster::clusters,
    recipe::{Reference, SpecialistPlan, SpecialistsPlan},
    store::read_json,
    task::Samples,
    teacher::Teacher,
};

/// A specialist's classes, as its stage was begun with them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OwnClasses {
    /// Identity of the generalist that it starts as.
    generalist: Value,
    /// Their names.
    names: Vec<String>,
    /// Of each class whether it is one of them.
    pub(super) own: Vec<bool>,
    /// Logarithm of the other classes' training images over those of them that it is trained on.
    pub(super) dustbin_shift: f64,
}

impl OwnClasses {
    pub(super) fn names(&self) -> String {
        self.names.join(", ")
    }
}

/// Name of what is not a specialist's own.
const DUSTBIN: &str = "others";

impl Pipeline<'_> {
    /// Clusters the classes by the generalist's predictions of the validation images.
    pub(super) fn own_classes(
        &self,
        stage: Stage,
        of: SpecialistPlan,
        observer: &mut dyn Observer,
    ) -> Result<OwnClasses, DriverError> {
        let found = clusters(&self.predict(of.of, &self.validation, observer)?, of.clusters);
        let own: Vec<bool> = found.iter().map(|cluster| cluster + 1 == of.cluster).collect();
        let names = self.task.classes().iter().zip(&own).filter(|(_, own)| **own);
        let labels = self.task.labels(stage);
        let ours = labels.iter().filter(|label| own[**label as usize]).count();
        let others = labels.len() - ours;
        if ours == 0 || others == 0 {
            let table = &self.network(stage).table;
            let problem = format!(
                "`{table}.specialist.cluster` is `{}`, expected a cluster with training images in and outside of it: of \
                 {} images {ours} are in it\n\
                 hint: ask for fewer `clusters`, or train the generalist better",
                of.cluster,
                labels.len()
            );
            return Err(DriverError::recipe(&self.config.recipe.file, problem));
        }
        Ok(OwnClasses {
            generalist: self.identity(of.of)?,
            names: names.map(|(name, _)| name.clone()).collect(),
            dustbin_shift: (others as f64 / others.min(ours) as f64).ln(),
            own,
        })
    }

    fn is_specialist(&self, stage: Stage) -> bool {
        self.config.recipe.single(stage).is_some_and(|own| own.specialist().is_some())
    }

    /// The classes that a specialist's stage was begun with; none for other stages.
    pub(super) fn begun_with(&self, stage: Stage) -> Result<Option<OwnClasses>, DriverError> {
        if !self.is_specialist(stage) {
            return Ok(None);
        }
        let path = self.folder(stage).join("inputs.json");
        let inputs: Option<Value> = read_json(&path)?;
        let own = inputs.and_then(|inputs| inputs.get("specialist").cloned());
        let own: Option<OwnClasses> = own.and_then(|own| serde_json::from_value(own).ok());
        let own = own.filter(|own| own.own.len() == self.task.classes().len());
        own.map(Some).ok_or_else(|| DriverError::Folder {
            path,
            problem: "it does not name the classes of the specialist".to_owned(),
            hint: "delete this stage's folder and run again".to_owned(),
        })
    }

    /// Names of what a stage tells apart.
    pub(super) fn class_names(&self, stage: Stage) -> Vec<String> {
        let mut names = self.task.classes().to_vec();
        if self.is_specialist(stage) {
            names.push(DUSTBIN.to_owned());
        }
        names
    }

    /// All training images of a specialist's classes and as many others, which are of the dustbin.
    pub(super) fn specialist_set(&self, stage: Stage, own: &[bool]) -> Samples {
        let all = self.task.labels(stage);
        let (mut chosen, mut others): (Vec<usize>, Vec<usize>) =
            (0..all.len()).partition(|index| own[all[*index] as usize]);
        // Others are taken by lot, without putting back.
        let mut rng = KeyedRng::new(self.seed(stage), 0, 0, Operation::Shuffle);
        for at in 0..chosen.len().min(others.len()) {
            let left = others.len() - at;
            others.swap(at, at + rng.below(left as u32) as usize);
        }
        others.truncate(chosen.len());
        chosen.extend(others);
        chosen.sort_unstable();
        self.task.selected(stage, &chosen, &labels(own))
    }

    /// Images to evaluate a stage on: for a specialist those of other classes are of the dustbin.
    pub(super) fn relabelled(&self, stage: Stage, images: &Loader) -> Result<Loader, DriverError> {
        Ok(match self.begun_with(stage)? {
            Some(OwnClasses { own, .. }) => images.clone().relabelled(&labels(&own)),
            None => images.clone(),
        })
    }

    /// A specialist before training: its generalist, with one class more, the dustbin.
    pub(super) fn as_generalist(
        &self,
        network: Network,
        of: SpecialistPlan,
    ) -> Result<Network, DriverError> {
        Ok(network.grown_from(&self.load(of.of)?)?)
    }

    pub(super) fn with_specialists(&self, all: &SpecialistsPlan) -> Result<Teacher, DriverError> {
        let network = |of: Reference| {
            Ok::<_, DriverError>((self.load(of)?, self.preprocessing(of.stage).clone()))
        };
        let mut members = Vec::new();
        for stage in &all.members {
            let (network, preprocessing) = network(Reference::selected(*stage))?;
            let own = self.begun_with(*stage)?.expect("a specialist has its classes");
            members.push((network, preprocessing, own.own, own.dustbin_shift));
        }
        Ok(Teacher::specialists(network(all.generalist)?, members, all.top))
    }

    pub(super) fn specialists_identity(&self, all: &SpecialistsPlan) -> Result<Value, DriverError> {
        let mut members = Vec::new();
        for stage in &all.members {
            let identity = self.identity(Reference::selected(*stage))?;
            members.push(json!({ "network": identity, "own": self.begun_with(*stage)? }));
        }
        Ok(json!({
            "backend": self.config.backend,
            "dataset": self.task.sha256(),
            "generalist": self.identity(all.generalist)?,
            "specialists": members,
            "top": all.top,
        }))
    }
}

/// The label that a specialist has for each class.
fn labels(own: &[bool]) -> Vec<u32> {
    let dustbin = own.len() as u32;
    own.iter().enumerate().map(|(class, own)| if *own { class as u32 } else { dustbin }).collect()
}
