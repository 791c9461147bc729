//! The teacher of a network: another network, or several whose outputs are combined.

use distill_models::Cost;
use serde_json::{Value, json};

use super::Pipeline;
use crate::{
    DriverError,
    recipe::{EnsemblePlan, NetworkPlan, Reference},
    records::{StageRecord, weights_identity},
    store::fingerprint,
    teacher::Teacher,
};

impl Pipeline<'_> {
    /// A network, or an ensemble, that was made earlier, as a teacher.
    pub(super) fn teacher(&self, of: Reference) -> Result<Teacher, DriverError> {
        let ensemble = match self.config.recipe.makes(of.stage) {
            Some(NetworkPlan::Ensemble(ensemble)) => ensemble,
            Some(NetworkPlan::Specialists(all)) => return self.with_specialists(all),
            Some(NetworkPlan::Single(_)) | None => {
                return Ok(Teacher::new(&self.load(of)?, self.preprocessing(of.stage).clone()));
            }
        };
        let mut members = Vec::new();
        for (member, share) in ensemble.members.iter().zip(&ensemble.shares) {
            members.push((self.load(*member)?, self.preprocessing(member.stage).clone(), *share));
        }
        Ok(Teacher::ensemble(members, ensemble.average, ensemble.temperature))
    }

    /// Identity of a teacher: everything that its outputs depend on.
    pub(super) fn identity(&self, of: Reference) -> Result<Value, DriverError> {
        match self.config.recipe.makes(of.stage) {
            Some(NetworkPlan::Ensemble(ensemble)) => return self.ensemble_identity(ensemble),
            Some(NetworkPlan::Specialists(all)) => return self.specialists_identity(all),
            Some(NetworkPlan::Single(_)) | None => {}
        }
        let mut identity = json!({
            "weights": weights_identity(&self.load(of)?),
            "signature": self.signature(of.stage),
        });
        for (name, value) in self.task.settings(of.stage) {
            identity[name] = value;
        }
        Ok(identity)
    }

    /// Everything that an ensemble's outputs depend on.
    fn ensemble_identity(&self, ensemble: &EnsemblePlan) -> Result<Value, DriverError> {
        let members: Result<Vec<Value>, _> =
            ensemble.members.iter().map(|member| self.identity(*member)).collect();
        Ok(json!({
            "backend": self.config.backend,
            "dataset": self.task.sha256(),
            "members": members?,
            "shares": ensemble.shares,
            "average": ensemble.average,
            "temperature": ensemble.temperature,
        }))
    }

    /// The record of several whose outputs are combined: it has no weights of its own, and costs what its members cost.
    pub(super) fn gather(
        &self,
        network: &NetworkPlan,
        inputs: &Value,
    ) -> Result<StageRecord, DriverError> {
        let mut cost = Cost { parameters: 0, macs: 0 };
        let (mut models, mut bytes) = (Vec::new(), 0);
        for member in network.needs() {
            let record = self.record(member.stage)?;
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
}
