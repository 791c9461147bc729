//! The teacher of a network: another network, or several whose outputs are combined.

use distill_models::Cost;
use serde_json::{Value, json};

use super::{Pipeline, specialists::begun_with};
use crate::{
    DriverError,
    recipe::{EnsemblePlan, NetworkPlan, Reference, SpecialistsPlan},
    records::{StageRecord, weights_identity},
    store::fingerprint,
    teacher::Teacher,
};

/// A network, or an ensemble, that was made earlier, as a teacher.
pub(super) fn load_teacher(pipeline: &Pipeline<'_>, of: Reference) -> Result<Teacher, DriverError> {
    let ensemble = match pipeline.config.recipe.makes(of.stage) {
        Some(NetworkPlan::Ensemble(ensemble)) => ensemble,
        Some(NetworkPlan::Specialists(all)) => return with_specialists(pipeline, all),
        Some(NetworkPlan::Single(_)) | None => {
            return Ok(Teacher::new(&pipeline.load(of)?, pipeline.preprocessing(of.stage)));
        }
    };
    let mut members = Vec::new();
    for (member, share) in ensemble.members.iter().zip(&ensemble.shares) {
        members.push((pipeline.load(*member)?, pipeline.preprocessing(member.stage), *share));
    }
    Ok(Teacher::ensemble(members, ensemble.average, ensemble.temperature))
}

/// Identity of a teacher: everything that its outputs depend on.
pub(super) fn teacher_identity(
    pipeline: &Pipeline<'_>,
    of: Reference,
) -> Result<Value, DriverError> {
    match pipeline.config.recipe.makes(of.stage) {
        Some(NetworkPlan::Ensemble(ensemble)) => return ensemble_identity(pipeline, ensemble),
        Some(NetworkPlan::Specialists(all)) => return specialists_identity(pipeline, all),
        Some(NetworkPlan::Single(_)) | None => {}
    }
    let mut identity = json!({
        "weights": weights_identity(&pipeline.load(of)?),
        "signature": pipeline.signature(of.stage),
    });
    for (name, value) in pipeline.task.settings(of.stage) {
        identity[name] = value;
    }
    Ok(identity)
}

/// Everything that an ensemble's outputs depend on.
fn ensemble_identity(
    pipeline: &Pipeline<'_>,
    ensemble: &EnsemblePlan,
) -> Result<Value, DriverError> {
    let members: Result<Vec<Value>, _> =
        ensemble.members.iter().map(|member| teacher_identity(pipeline, *member)).collect();
    Ok(json!({
        "backend": pipeline.config.backend,
        "dataset": pipeline.task.sha256(),
        "members": members?,
        "shares": ensemble.shares,
        "average": ensemble.average,
        "temperature": ensemble.temperature,
    }))
}

/// The record of several whose outputs are combined: it has no weights of its own, and costs what its members cost.
pub(super) fn gathered_record(
    pipeline: &Pipeline<'_>,
    network: &NetworkPlan,
    inputs: &Value,
) -> Result<StageRecord, DriverError> {
    let mut cost = Cost { parameters: 0, macs: 0 };
    let (mut models, mut bytes) = (Vec::new(), 0);
    for member in network.needs() {
        let record = pipeline.record(member.stage)?;
        cost.parameters += record.cost.parameters;
        cost.macs += record.cost.macs;
        bytes += record.bytes;
        models.push(record.model);
    }
    Ok(StageRecord {
        model: models.join(" + "),
        bytes,
        ..StageRecord::untrained(fingerprint(inputs), inputs.clone(), cost)
    })
}

/// A generalist and its specialists as one teacher.
fn with_specialists(
    pipeline: &Pipeline<'_>,
    all: &SpecialistsPlan,
) -> Result<Teacher, DriverError> {
    let network = |of: Reference| {
        Ok::<_, DriverError>((pipeline.load(of)?, pipeline.preprocessing(of.stage)))
    };
    let mut members = Vec::new();
    for stage in &all.members {
        let (network, preprocessing) = network(Reference::selected(*stage))?;
        let own = begun_with(pipeline, *stage)?.expect("a specialist has its classes");
        members.push((network, preprocessing, own.own, own.dustbin_shift));
    }
    Ok(Teacher::specialists(network(all.generalist)?, members, all.top))
}

/// Everything that the outputs of a generalist and its specialists depend on.
fn specialists_identity(
    pipeline: &Pipeline<'_>,
    all: &SpecialistsPlan,
) -> Result<Value, DriverError> {
    let mut members = Vec::new();
    for stage in &all.members {
        let identity = teacher_identity(pipeline, Reference::selected(*stage))?;
        members.push(json!({ "network": identity, "own": begun_with(pipeline, *stage)? }));
    }
    Ok(json!({
        "backend": pipeline.config.backend,
        "dataset": pipeline.task.sha256(),
        "generalist": teacher_identity(pipeline, all.generalist)?,
        "specialists": members,
        "top": all.top,
    }))
}
