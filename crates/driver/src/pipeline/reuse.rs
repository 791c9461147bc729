//! Stages that another run has finished already, from the same inputs.

use std::{
    fs::{self, File},
    io,
    path::Path,
};

use super::Pipeline;
use crate::{
    DriverError, Event, Observer, Stage,
    records::{StageRecord, TestRecord},
    store::{
        WRITING, Weights, create_dir, hash_file, peer_file, read_json, sync_folder, write_json,
    },
};

/// Written when a stage is done.
const RECORD: &str = "stage.json";
const TEST: &str = "test.json";
/// Where a copy is made, in the run's folder; begins as [`WRITING`] does.
const COPY: &str = ".writing-reused";

/// Copies a finished stage with this fingerprint from the first run that has a whole one, where the stage has
/// neither a result nor a checkpoint. Its inputs are the same, and so are its bits.
///
/// # Errors
/// [`DriverError::Io`] where the copy cannot take its place. A run that nothing can be had from is no help and
/// no harm: it may be damaged, or another process may be at work in it.
pub(super) fn reuse(
    pipeline: &Pipeline<'_>,
    stage: Stage,
    fingerprint: &str,
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<bool, DriverError> {
    let copy = pipeline.config.out.join(COPY);
    for run in &pipeline.config.reuse {
        let theirs = stage.folder(run);
        let Ok(Some(record)) = read_json::<StageRecord>(&theirs.join(RECORD)) else { continue };
        if record.fingerprint != fingerprint
            || !weights_are_whole(pipeline, &theirs, stage, &record)
        {
            continue;
        }
        let (name, run) = (stage.name(), run.display());
        if let Err(error) = copy_stage(&theirs, &copy, &record) {
            observer.on(Event::Note(format!("{name}: not taken from {run}: {error}")));
            continue;
        }
        // They may have made it anew while it was copied.
        if !weights_are_whole(pipeline, &copy, stage, &record) {
            continue;
        }
        // What is there has neither a record nor a checkpoint: something was begun and not saved.
        fs::remove_dir_all(folder).map_err(DriverError::io(folder))?;
        fs::rename(&copy, folder).map_err(DriverError::io(folder))?;
        sync_folder(folder.parent().unwrap_or(folder))?;
        let note = format!("{name}: taken from {run}, made from the same inputs");
        observer.on(Event::Note(note));
        return Ok(true);
    }
    // What could not be used is in nobody's way, and the next start looks for it too.
    let _ = fs::remove_dir_all(copy);
    Ok(false)
}

/// Copies a stage's files into a folder of their own, the record last.
fn copy_stage(from: &Path, to: &Path, record: &StageRecord) -> Result<(), DriverError> {
    let _ = fs::remove_dir_all(to);
    create_dir(to)?;
    for entry in fs::read_dir(from).map_err(DriverError::io(from))? {
        let entry = entry.map_err(DriverError::io(from))?;
        let name = entry.file_name();
        let is_file = entry.file_type().map_err(DriverError::io(entry.path()))?.is_file();
        let is_own = name == RECORD || name == TEST || name.to_string_lossy().starts_with(WRITING);
        if is_file && !is_own {
            copy(&entry.path(), &to.join(&name)).map_err(DriverError::io(entry.path()))?;
        }
    }
    // It names what it is of, and is measured anew where that is something else. Damaged it would end the run.
    if let Ok(Some(test)) = read_json::<TestRecord>(&from.join(TEST)) {
        write_json(&to.join(TEST), &test)?;
    }
    write_json(&to.join(RECORD), record)
}

/// A copy that outlives a loss of power.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::copy(from, to)?;
    File::open(to)?.sync_all()
}

/// Whether all weights that a stage's record names are there, and undamaged.
pub(super) fn weights_are_whole(
    pipeline: &Pipeline<'_>,
    folder: &Path,
    stage: Stage,
    record: &StageRecord,
) -> bool {
    if pipeline.config.recipe.single(stage).is_none() {
        return true;
    }
    let own = [
        (Weights::Selected.file(), &record.selected_sha256),
        (Weights::Last.file(), &record.last_sha256),
    ];
    let training = pipeline.config.recipe.training(stage);
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
    own.into_iter()
        .chain(kept)
        .chain(peers)
        .all(|(file, expected)| hash_file(&folder.join(file)).is_ok_and(|hash| hash == *expected))
}
