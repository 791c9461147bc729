//! Making a stage: skipped, resumed or started anew.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    Pipeline,
    ensemble::{gathered_record, teacher_identity},
    given::adopt,
    initial,
    own_classes::own_classes,
    peers::take_peer,
    reuse::{reuse, weights_are_whole},
    train::train_stage,
};
use crate::{
    DriverError, Event, Observer, Stage,
    recipe::{Origin, Reference, StagePlan, Start, TrainingPlan},
    records::StageRecord,
    store::{create_dir, differences, fingerprint, read_json, write_json},
    training::checkpoint,
};

/// What a stage was begun with.
const INPUTS: &str = "inputs.json";

/// Makes what the plan has for a stage, one way for each origin of weights.
pub(super) fn make_stage(
    pipeline: &Pipeline<'_>,
    plan: &StagePlan,
    observer: &mut dyn Observer,
) -> Result<(), DriverError> {
    let (stage, network) = (plan.stage, &plan.makes);
    let Some(single) = network.single() else {
        let inputs = teacher_identity(pipeline, Reference::selected(stage))?;
        return run_stage(pipeline, stage, &inputs, observer, |_, _| {
            gathered_record(pipeline, network, &inputs)
        });
    };
    match &single.origin {
        Origin::Trained(training) => make_trained(pipeline, stage, training, observer),
        Origin::Pretrained(_) => {
            let inputs = pipeline.given_inputs(stage)?;
            run_stage(pipeline, stage, &inputs, observer, |folder, _| {
                adopt(pipeline, stage, &inputs, folder)
            })
        }
        Origin::Peer(lead) => {
            let inputs = pipeline.peer_inputs(stage, *lead)?;
            run_stage(pipeline, stage, &inputs, observer, |folder, _| {
                take_peer(pipeline, stage, *lead, &inputs, folder)
            })
        }
    }
}

fn make_trained(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    training: &TrainingPlan,
    observer: &mut dyn Observer,
) -> Result<(), DriverError> {
    let mut inputs = pipeline.inputs(stage);
    if training.init.is_some() {
        inputs["init"] = initial::inputs(pipeline, stage)?;
    }
    if training.freeze_epochs > 0 {
        inputs["freeze_epochs"] = training.freeze_epochs.into();
    }
    if let Start::Generalist(specialist) = training.start {
        let own = own_classes(pipeline, stage, specialist, observer)?;
        observer.on(Event::Note(format!("{}: its classes are {}", stage.name(), own.names())));
        inputs["specialist"] = json!(own);
    }
    if let Some(reference) = pipeline.config.recipe.learns_from(stage) {
        inputs["teacher"] = teacher_identity(pipeline, reference)?;
        if let Some(cache) = pipeline.cache().filter(|cache| !cache.is_exact()) {
            inputs["answers"] = json!({ "precision": cache.precision, "top_k": cache.top_k });
        }
    }
    run_stage(pipeline, stage, &inputs, observer, |_, observer| {
        train_stage(pipeline, stage, &inputs, observer)
    })
}

/// Runs `make` unless the stage's result is there for the same inputs.
fn run_stage(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    inputs: &serde_json::Value,
    observer: &mut dyn Observer,
    make: impl FnOnce(&Path, &mut dyn Observer) -> Result<StageRecord, DriverError>,
) -> Result<(), DriverError> {
    let folder = pipeline.folder(stage);
    create_dir(&folder)?;
    let fingerprint = fingerprint(inputs);
    tracing::debug!(stage = stage.name(), fingerprint, %inputs, "stage");
    bring_forward(pipeline, &folder, stage, &fingerprint, inputs, observer)?;
    if let Some(done) = read_json::<StageRecord>(&folder.join("stage.json"))? {
        if weights_are_whole(pipeline, &folder, stage, &done) {
            let reason = "its result is there and its inputs are unchanged";
            observer.on(Event::StageSkipped { stage, reason });
            // It may have been killed between its record and this.
            return checkpoint::clear(&folder);
        }
        let path = folder.join("stage.json");
        fs::remove_file(&path).map_err(DriverError::io(path))?;
        let reason = "its weights are damaged, or it kept none of an epoch that is asked for now";
        let note = format!("{}: made again, for {reason}", stage.name());
        observer.on(Event::Note(note));
    }
    match checkpoint::newest(&folder, observer)? {
        Some(_) if !pipeline.config.resume => {
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
            if reuse(pipeline, stage, &fingerprint, &folder, observer)? {
                return Ok(());
            }
        }
    }
    if let Some(single) = pipeline.config.recipe.single(stage) {
        write_json(
            &folder.join("model.json"),
            &pipeline.task.card(stage, single, pipeline.class_names(stage)),
        )?;
    }
    write_json(&folder.join(INPUTS), inputs)?;
    let record = make(&folder, observer)?;
    write_json(&folder.join("stage.json"), &record)?;
    checkpoint::clear(&folder)
}

/// Moves what was made, or begun, from other inputs out of the way, and what was made from these
/// inputs earlier back into place: either may have taken hours.
fn bring_forward(
    pipeline: &Pipeline<'_>,
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
        move_aside(pipeline, folder, stage, &held, done, inputs, observer)?;
    }
    let back = earlier(pipeline, stage, fingerprint);
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
fn earlier(pipeline: &Pipeline<'_>, stage: Stage, fingerprint: &str) -> PathBuf {
    let name = format!("{}-{}", stage.name(), &fingerprint[..12]);
    pipeline.config.out.join("earlier").join(name)
}

fn move_aside(
    pipeline: &Pipeline<'_>,
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
    let aside = earlier(pipeline, stage, held);
    create_dir(&pipeline.config.out.join("earlier"))?;
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
