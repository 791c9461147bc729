//! Making a stage: skipped, resumed or started anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::Pipeline;
use crate::{
    DriverError, Event, Observer, Stage,
    recipe::{Origin, Reference, StagePlan, Start, TrainingPlan},
    records::StageRecord,
    store::{
        Weights, create_dir, differences, fingerprint, hash_file, peer_file, read_json, write_json,
    },
    training::checkpoint,
};

/// What a stage was begun with.
const INPUTS: &str = "inputs.json";

impl Pipeline<'_> {
    /// Makes what the plan has for a stage, one way for each origin of weights.
    pub(super) fn make(
        &self,
        plan: &StagePlan,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let (stage, network) = (plan.stage, &plan.makes);
        let Some(single) = network.single() else {
            let inputs = self.identity(Reference::selected(stage))?;
            return self.stage(stage, &inputs, observer, |_, _| self.gather(network, &inputs));
        };
        match &single.origin {
            Origin::Trained(training) => self.make_trained(stage, training, observer),
            Origin::Pretrained(_) => {
                let path = &self.given[&stage];
                let inputs = self.given_inputs(stage, path)?;
                self.stage(stage, &inputs, observer, |folder, _| {
                    self.adopt(stage, path, &inputs, folder)
                })
            }
            Origin::Peer(lead) => {
                let inputs = self.peer_inputs(stage, *lead)?;
                self.stage(stage, &inputs, observer, |folder, _| {
                    self.take_peer(stage, *lead, &inputs, folder)
                })
            }
        }
    }

    fn make_trained(
        &self,
        stage: Stage,
        training: &TrainingPlan,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let mut inputs = self.inputs(stage);
        if let Start::Generalist(specialist) = training.start {
            let own = self.own_classes(stage, specialist, observer)?;
            observer.on(Event::Note(format!("{}: its classes are {}", stage.name(), own.names())));
            inputs["specialist"] = json!(own);
        }
        if let Some(reference) = self.config.recipe.learns_from(stage) {
            inputs["teacher"] = self.identity(reference)?;
            if let Some(cache) = self.cache().filter(|cache| !cache.is_exact()) {
                inputs["answers"] = json!({ "precision": cache.precision, "top_k": cache.top_k });
            }
        }
        self.stage(stage, &inputs, observer, |_, observer| self.train(stage, &inputs, observer))
    }

    /// Runs `make` unless the stage's result is there for the same inputs.
    fn stage(
        &self,
        stage: Stage,
        inputs: &serde_json::Value,
        observer: &mut dyn Observer,
        make: impl FnOnce(&Path, &mut dyn Observer) -> Result<StageRecord, DriverError>,
    ) -> Result<(), DriverError> {
        let folder = self.folder(stage);
        create_dir(&folder)?;
        let fingerprint = fingerprint(inputs);
        tracing::debug!(stage = stage.name(), fingerprint, %inputs, "stage");
        self.bring_forward(&folder, stage, &fingerprint, inputs, observer)?;
        if let Some(done) = read_json::<StageRecord>(&folder.join("stage.json"))? {
            if self.weights_are_whole(&folder, stage, &done) {
                let reason = "its result is there and its inputs are unchanged";
                observer.on(Event::StageSkipped { stage, reason });
                // It may have been killed between its record and this.
                return checkpoint::clear(&folder);
            }
            let path = folder.join("stage.json");
            fs::remove_file(&path).map_err(DriverError::io(path))?;
            let reason =
                "its weights are damaged, or it kept none of an epoch that is asked for now";
            let note = format!("{}: made again, for {reason}", stage.name());
            observer.on(Event::Note(note));
        }
        match checkpoint::newest(&folder, observer)? {
            Some(_) if !self.config.resume => {
                return Err(DriverError::Folder {
                    path: folder,
                    problem: "it holds an interrupted run".to_owned(),
                    hint: "`--resume` goes on with it; another folder with `--out` starts anew"
                        .to_owned(),
                });
            }
            Some((_, progress)) => {
                let (epoch, step) = (progress.epoch, progress.step);
                let note = format!("{}: goes on in epoch {epoch} after step {step}", stage.name());
                observer.on(Event::Note(note));
            }
            None => {
                checkpoint::clear(&folder)?;
                if self.reuse(stage, &fingerprint, &folder, observer)? {
                    return Ok(());
                }
            }
        }
        if let Some(single) = self.config.recipe.single(stage) {
            write_json(
                &folder.join("model.json"),
                &self.task.card(stage, single, self.class_names(stage)),
            )?;
        }
        write_json(&folder.join(INPUTS), inputs)?;
        let record = make(&folder, observer)?;
        write_json(&folder.join("stage.json"), &record)?;
        checkpoint::clear(&folder)
    }

    pub(super) fn weights_are_whole(
        &self,
        folder: &Path,
        stage: Stage,
        record: &StageRecord,
    ) -> bool {
        if self.config.recipe.single(stage).is_none() {
            return true;
        }
        let own = [
            (Weights::Selected.file(), &record.selected_sha256),
            (Weights::Last.file(), &record.last_sha256),
        ];
        let training = self.config.recipe.training(stage);
        let mut asked = training.iter().flat_map(|training| &training.keep);
        if !asked.all(|epoch| record.kept_sha256.contains_key(epoch)) {
            return false;
        }
        let kept = record.kept_sha256.iter();
        let kept = kept.map(|(epoch, hash)| (Weights::After(*epoch).file(), hash));
        let peers = record.peers.iter().enumerate().flat_map(|(at, peer)| {
            [
                (peer_file(at, Weights::Selected), &peer.selected_sha256),
                (peer_file(at, Weights::Last), &peer.last_sha256),
            ]
        });
        own.into_iter().chain(kept).chain(peers).all(|(file, expected)| {
            hash_file(&folder.join(file)).is_ok_and(|hash| hash == *expected)
        })
    }

    /// Moves what was made, or begun, from other inputs out of the way, and what was made from these
    /// inputs earlier back into place: either may have taken hours.
    fn bring_forward(
        &self,
        folder: &Path,
        stage: Stage,
        fingerprint: &str,
        inputs: &serde_json::Value,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        let done: Option<StageRecord> = read_json(&folder.join("stage.json"))?;
        let begun = checkpoint::newest(folder, observer)?.map(|(_, progress)| progress.fingerprint);
        let held = done.as_ref().map(|done| done.fingerprint.clone()).or(begun);
        if held.as_deref() == Some(fingerprint) {
            return Ok(());
        }
        if let Some(held) = held {
            self.move_aside(folder, stage, &held, done, inputs, observer)?;
        }
        let back = self.earlier(stage, fingerprint);
        if back.is_dir() {
            if folder.is_dir() {
                // Neither a record nor a checkpoint is in it.
                fs::remove_dir_all(folder).map_err(DriverError::io(folder))?;
            }
            fs::rename(&back, folder).map_err(DriverError::io(folder))?;
            let note = format!("{}: what was made from these inputs earlier is back", stage.name());
            observer.on(Event::Note(note));
        }
        create_dir(folder)
    }

    /// Where the result, or the beginning, of other inputs is.
    fn earlier(&self, stage: Stage, fingerprint: &str) -> PathBuf {
        let name = format!("{}-{}", stage.name(), &fingerprint[..12]);
        self.config.out.join("earlier").join(name)
    }

    fn move_aside(
        &self,
        folder: &Path,
        stage: Stage,
        held: &str,
        done: Option<StageRecord>,
        inputs: &serde_json::Value,
        observer: &mut dyn Observer,
    ) -> Result<(), DriverError> {
        // It becomes the name of a folder.
        if held.len() != 64 || !held.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(DriverError::Folder {
                path: folder.to_owned(),
                problem: format!("a damaged record, its fingerprint is `{held}`"),
                hint: "delete this stage's folder, or name another run's folder with `--out`"
                    .to_owned(),
            });
        }
        let before = match done {
            Some(done) => done.inputs,
            None => read_json(&folder.join(INPUTS))?.unwrap_or_default(),
        };
        let aside = self.earlier(stage, held);
        create_dir(&self.config.out.join("earlier"))?;
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(DriverError::io(&aside))?;
        }
        fs::rename(folder, &aside).map_err(DriverError::io(&aside))?;
        let changed = differences(&before, inputs);
        observer.on(Event::Note(format!(
            "{}: made again, for this changed: {changed}; what was there is in {}",
            stage.name(),
            aside.display()
        )));
        Ok(())
    }
}
