//! Specialists: the classes of each, and what it learns from.

use distill_datasets::{
    Loader,
    keyed::{KeyedRng, Operation},
};
use distill_models::Network;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Pipeline;
use crate::{DriverError, Stage, recipe::SpecialistPlan, store::read_json, task::Samples};

/// A specialist's classes, as its stage was begun with them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct OwnClasses {
    /// Identity of the generalist that it starts as.
    pub(super) generalist: Value,
    /// Their names.
    pub(super) names: Vec<String>,
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
pub(super) const DUSTBIN: &str = "others";

/// The classes that a specialist's stage was begun with; none for other stages.
pub(super) fn begun_with(
    pipeline: &Pipeline<'_>,
    stage: Stage,
) -> Result<Option<OwnClasses>, DriverError> {
    if !pipeline.is_specialist(stage) {
        return Ok(None);
    }
    let path = pipeline.folder(stage).join("inputs.json");
    let inputs: Option<Value> = read_json(&path)?;
    let own = inputs.and_then(|inputs| inputs.get("specialist").cloned());
    let own: Option<OwnClasses> = own.and_then(|own| serde_json::from_value(own).ok());
    let own = own.filter(|own| own.own.len() == pipeline.task.classes().len());
    own.map(Some).ok_or_else(|| DriverError::Folder {
        path,
        problem: "it does not name the classes of the specialist".to_owned(),
        hint: "delete this stage's folder and run again".to_owned(),
    })
}

/// All training images of a specialist's classes and as many others, which are of the dustbin.
pub(super) fn specialist_set(pipeline: &Pipeline<'_>, stage: Stage, own: &[bool]) -> Samples {
    let all = pipeline.task.labels(stage);
    let (mut chosen, mut others): (Vec<usize>, Vec<usize>) =
        (0..all.len()).partition(|index| own[all[*index] as usize]);
    // Others are taken by lot, without putting back.
    let mut rng = KeyedRng::new(pipeline.seed(stage), 0, 0, Operation::Shuffle);
    for at in 0..chosen.len().min(others.len()) {
        let left = others.len() - at;
        others.swap(at, at + rng.below(left as u32) as usize);
    }
    others.truncate(chosen.len());
    chosen.extend(others);
    chosen.sort_unstable();
    pipeline.task.selected(stage, &chosen, &labels(own))
}

/// Images to evaluate a stage on: for a specialist those of other classes are of the dustbin.
pub(super) fn relabelled(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    images: &Loader,
) -> Result<Loader, DriverError> {
    Ok(match begun_with(pipeline, stage)? {
        Some(OwnClasses { own, .. }) => images.clone().relabelled(&labels(&own)),
        None => images.clone(),
    })
}

/// A specialist before training: its generalist, with one class more, the dustbin.
pub(super) fn as_generalist(
    pipeline: &Pipeline<'_>,
    network: Network,
    of: SpecialistPlan,
) -> Result<Network, DriverError> {
    Ok(network.grown_from(&pipeline.load(of.of)?)?)
}

/// The label that a specialist has for each class.
fn labels(own: &[bool]) -> Vec<u32> {
    let dustbin = own.len() as u32;
    own.iter().enumerate().map(|(class, own)| if *own { class as u32 } else { dustbin }).collect()
}
