//! Checkpoints of a stage: whole folders with checksums, renamed into place; the newest whole one counts.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use super::{Learner, progress::Progress};
use crate::{
    DriverError, Event, Observer,
    store::{
        WRITING, Weights, peer_file, remove_unfinished, sha256, sync_folder, to_json, write_atomic,
        write_json,
    },
};
use burn::{module::Module, optim::ModuleOptimizer, store::ModuleRecord};
use distill_models::{
    Network,
    weights::{self, Precision},
};

const PREFIX: &str = "checkpoint-";
/// How names of checkpoints start that were found damaged.
const DAMAGED: &str = "damaged-";
/// Checkpoints that are kept: the last one, and the one before it in case that one is damaged.
const KEPT: usize = 2;
const CONNECTORS: &str = "connectors.bpk";
const PROGRESS: &str = "progress.json";
const SELECTED: &str = "selected.bpk";
/// sha256 of each file of a checkpoint.
const CHECKSUMS: &str = "checksums.json";

/// Writes a checkpoint and then deletes all but it and the one before it.
pub(crate) fn save(
    folder: &Path,
    learner: &Learner,
    optimizer: &ModuleOptimizer,
    progress: &Progress,
) -> Result<(), DriverError> {
    let name = format!("{PREFIX}{:07}-{:07}", progress.epoch, progress.step);
    let target = folder.join(&name);
    let writing = tempfile::Builder::new()
        .prefix(WRITING)
        .tempdir_in(folder)
        .map_err(DriverError::io(folder))?;
    let mut sums = BTreeMap::new();
    let mut write = |name: &str, bytes: &[u8]| {
        sums.insert(name.to_owned(), sha256(bytes));
        write_atomic(&writing.path().join(name), bytes)
    };
    write("model.bpk", &weights::to_bytes(&learner.network, Precision::Single, &target)?)?;
    for (at, peer) in learner.peers.iter().enumerate() {
        write(
            &peer_file(at, Weights::Last),
            &weights::to_bytes(peer, Precision::Single, &target)?,
        )?;
    }
    if !learner.connectors.is_empty() {
        let record = learner.connectors.clone().into_record();
        let bytes = record.into_bytes().map_err(|e| damaged("connectors", &target, &e))?;
        write(CONNECTORS, &bytes)?;
    }
    let state =
        optimizer.into_bytes().map_err(|e| damaged("the optimizer's state", &target, &e))?;
    write("optimizer.bpk", &state)?;
    write(PROGRESS, &to_json(progress))?;
    let own = progress.best_sha256.iter().map(|sum| (SELECTED.to_owned(), sum));
    let peers = progress.peers_best.iter().enumerate();
    let of_peers = peers.map(|(at, (_, sum))| (peer_file(at, Weights::Selected), sum));
    for (name, sum) in own.chain(of_peers) {
        let (from, to) = (folder.join(&name), writing.path().join(&name));
        // A copy and not another name: what damages one of them leaves the others whole.
        fs::copy(&from, &to).map_err(DriverError::io(&to))?;
        fs::File::open(&to).and_then(|copy| copy.sync_all()).map_err(DriverError::io(&to))?;
        sums.insert(name, sum.clone());
    }
    write_json(&writing.path().join(CHECKSUMS), &sums)?;
    if target.exists() {
        fs::remove_dir_all(&target).map_err(DriverError::io(&target))?;
    }
    fs::rename(writing.keep(), &target).map_err(DriverError::io(&target))?;
    sync_folder(folder)?;
    tracing::debug!(checkpoint = %target.display(), "saved");
    for older in list(folder)?.into_iter().rev().skip(KEPT) {
        fs::remove_dir_all(&older).map_err(DriverError::io(older))?;
    }
    Ok(())
}

/// The newest checkpoint that is whole: its folder and where the stage stands. A damaged one is set aside
/// with a warning, and the one before it counts.
///
/// # Errors
/// [`DriverError::Folder`] where there are checkpoints and none is whole.
pub(crate) fn newest(
    folder: &Path,
    observer: &mut dyn Observer,
) -> Result<Option<(PathBuf, Progress)>, DriverError> {
    let mut damaged = None;
    for path in list(folder)?.into_iter().rev() {
        let problem = match verify(&path) {
            Ok(progress) => return Ok(Some((path, progress))),
            Err(problem) => problem,
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().replace(PREFIX, DAMAGED);
        let aside = folder.join(name);
        if aside.exists() {
            fs::remove_dir_all(&aside).map_err(DriverError::io(&aside))?;
        }
        fs::rename(&path, &aside).map_err(DriverError::io(&path))?;
        let (path, aside) = (path.display(), aside.display());
        observer.on(Event::Note(format!(
            "warning: {path}: the checkpoint is damaged ({problem}) and now {aside}; the one before it counts"
        )));
        damaged = Some(problem);
    }
    match damaged {
        Some(problem) => Err(DriverError::Folder {
            path: folder.to_owned(),
            problem: format!("none of its checkpoints is whole ({problem})"),
            hint: "they are set aside as `damaged-...`; run again to start this stage anew"
                .to_owned(),
        }),
        None => Ok(None),
    }
}

/// The last checkpoint that was written, for a person.
pub(crate) fn last(folder: &Path) -> Option<PathBuf> {
    list(folder).ok()?.pop()
}

/// Reads a checkpoint whole; what is wrong with it is the error.
fn verify(checkpoint: &Path) -> Result<Progress, String> {
    let read = |name: &str| fs::read(checkpoint.join(name)).map_err(|e| format!("`{name}`: {e}"));
    let parse = |name: &str, e: serde_json::Error| format!("`{name}`: {e}");
    let sums: BTreeMap<String, String> =
        serde_json::from_slice(&read(CHECKSUMS)?).map_err(|e| parse(CHECKSUMS, e))?;
    for (name, sum) in &sums {
        if Path::new(name).components().count() != 1 || sha256(&read(name)?) != *sum {
            return Err(format!("`{name}`: its checksum differs"));
        }
    }
    if let Some(missing) =
        ["model.bpk", "optimizer.bpk", PROGRESS].iter().find(|name| !sums.contains_key(**name))
    {
        return Err(format!("`{missing}`: it has no checksum"));
    }
    serde_json::from_slice(&read(PROGRESS)?).map_err(|e| parse(PROGRESS, e))
}

/// Weights, connectors and optimizer of a checkpoint; the best weights so far go back to their place.
pub(crate) fn load(
    checkpoint: &Path,
    learner: Learner,
    optimizer: ModuleOptimizer,
) -> Result<(Learner, ModuleOptimizer), DriverError> {
    let of_peers = (0..learner.peers.len()).map(|at| peer_file(at, Weights::Selected));
    for name in of_peers.chain([SELECTED.to_owned()]) {
        let selected = checkpoint.join(&name);
        if selected.is_file() {
            let bytes = fs::read(&selected).map_err(DriverError::io(&selected))?;
            write_atomic(&checkpoint.with_file_name(&name), &bytes)?;
        }
    }
    let network = weights::load(learner.network, &checkpoint.join("model.bpk"))?;
    let mut connectors = learner.connectors;
    if !connectors.is_empty() {
        let path = checkpoint.join(CONNECTORS);
        let refuse = |e| damaged("the connectors", &path, &e);
        let record = ModuleRecord::load(&path).map_err(refuse)?;
        connectors = connectors.try_load_record(record).map_err(refuse)?;
    }
    let path = checkpoint.join("optimizer.bpk");
    let optimizer =
        optimizer.load(&path).map_err(|e| damaged("the optimizer's state", &path, &e))?;
    let peers = learner.peers.into_iter().enumerate();
    let peers: Result<Vec<Network>, _> = peers
        .map(|(at, peer)| weights::load(peer, &checkpoint.join(peer_file(at, Weights::Last))))
        .collect();
    Ok((Learner { connectors, ..Learner::with_peers(network, peers?) }, optimizer))
}

/// Deletes the checkpoints of a stage that is done, damaged ones and what a killed process left half written.
pub(crate) fn clear(folder: &Path) -> Result<(), DriverError> {
    remove_unfinished(folder);
    for path in list(folder)?.into_iter().chain(entries(folder, DAMAGED)?) {
        fs::remove_dir_all(&path).map_err(DriverError::io(path))?;
    }
    Ok(())
}

/// Checkpoints from old to new.
fn list(folder: &Path) -> Result<Vec<PathBuf>, DriverError> {
    let mut found = entries(folder, PREFIX)?;
    found.sort();
    Ok(found)
}

fn entries(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, DriverError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(DriverError::io(folder))? {
        let entry = entry.map_err(DriverError::io(folder))?;
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn damaged(what: &str, path: &Path, error: &dyn std::fmt::Display) -> DriverError {
    DriverError::Folder {
        path: path.to_owned(),
        problem: format!("{what} cannot be used: {error}"),
        hint: "delete the checkpoint, or name another folder with `--out`".to_owned(),
    }
}
