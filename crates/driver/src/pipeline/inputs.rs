//! What the result of a stage depends on: its fingerprint is the hash of it.

use serde_json::{Value, json};

use super::{Pipeline, initial, peers::place};
use crate::{DriverError, Stage, recipe::Start, store::sha256};

/// Names and layout of the numbers in files of weights; stages with files of another one are made again.
const WEIGHTS_FORMAT: u32 = 2;

impl Pipeline<'_> {
    /// Everything that a trained network depends on, the teacher aside.
    pub(super) fn inputs(&self, stage: Stage) -> Value {
        let (network, training) = (self.network(stage), self.training(stage));
        let mut inputs = json!({
            "weights_format": WEIGHTS_FORMAT,
            "backend": self.config.backend,
            "seed": self.seed(stage),
            "dataset": self.task.sha256(),
            "classes": self.class_names(stage),
            "signature": self.signature(stage),
            "train": self.task.train(),
            "validation": self.validation.samples(),
            "augment": training.augment,
            "model": network.architecture,
            "epochs": training.epochs,
            "optimizer": training.optimizer,
            "schedule": training.schedule,
            "objective": training.objective.terms,
        });
        self.add_task(stage, &mut inputs);
        if !training.without.is_empty() {
            inputs["without"] = json!(training.without);
        }
        if let Some(stopping) = training.early_stopping {
            inputs["early_stopping"] = json!(stopping);
        }
        if let Some(weights) = training.objective.class_weights() {
            inputs["class_weights"] = json!(weights);
        }
        if let Some(own) = training.train {
            inputs["own_train"] = own.into();
        }
        let mut peers = Vec::new();
        for peer in self.peers(stage) {
            let model = &self.network(*peer).architecture;
            peers.push(json!({ "model": model, "seed": self.seed(*peer) }));
        }
        if !peers.is_empty() {
            inputs["peers"] = peers.into();
        }
        let non_finite = self.config.recipe.recipe.non_finite;
        if !non_finite.is_default() {
            inputs["non_finite"] = json!(non_finite);
        }
        if let Some(views) = self.config.recipe.reused_views(stage) {
            inputs["views"] = views.into();
        }
        inputs
    }

    /// Everything that a given network's record and scores depend on.
    pub(super) fn given_inputs(&self, stage: Stage) -> Result<Value, DriverError> {
        let mut inputs = json!({
            "weights_format": WEIGHTS_FORMAT,
            "backend": self.config.backend,
            "dataset": self.task.sha256(),
            "classes": self.task.classes(),
            "signature": self.signature(stage),
            "model": self.network(stage).architecture,
        });
        if let (Some(all), Value::Object(own)) =
            (inputs.as_object_mut(), initial::inputs(self, stage)?)
        {
            all.extend(own);
        }
        self.add_task(stage, &mut inputs);
        Ok(inputs)
    }

    /// Shape of the samples, and the preprocessing of a stage's network.
    fn add_task(&self, stage: Stage, inputs: &mut Value) {
        let (name, shape) = self.task.shape();
        inputs[name] = shape;
        for (name, value) in self.task.settings(stage) {
            inputs[name] = value;
        }
    }

    /// Everything that a peer's weights depend on: the stage that trained it.
    pub(super) fn peer_inputs(&self, stage: Stage, lead: Stage) -> Result<Value, DriverError> {
        Ok(json!({
            "lead": self.record(lead)?.fingerprint,
            "peer": place(self, stage, lead),
            "model": self.network(stage).architecture,
        }))
    }

    /// Whether a stage starts from the student's weights and has its batches, so that it differs by its
    /// objective, teacher or images alone.
    pub(super) fn is_paired(&self, stage: Stage) -> bool {
        let training = self.config.recipe.training(stage);
        training.is_some_and(|training| training.start == Start::Student)
    }

    /// Seed of a stage's random numbers. Networks that are not paired have one of their own, which comes with
    /// their name.
    pub(super) fn seed(&self, stage: Stage) -> u64 {
        let seed = self.config.seed;
        match stage {
            Stage::Network(name) if !self.is_paired(stage) => {
                let hash = sha256(format!("{seed} {name}").as_bytes());
                // A number that any reader of JSON can hold.
                u64::from_str_radix(&hash[..13], 16).expect("hexadecimal digits")
            }
            _ => seed,
        }
    }
}
