//! A network alone, ready to be used elsewhere.

mod better;
mod card;
mod config;
mod probe;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::tensor::Device;

pub use better::{Better, better_than};
pub use card::{ExportCard, Origin};
pub use config::{ExportConfig, ExportFormat};

use self::probe::Probe;
use crate::{
    DriverError, Stage,
    records::{ExportedFile, ModelCard, lock},
    store::{WRITING, Weights, read_json, remove_unfinished, sha256, write_atomic, write_json},
};

/// Puts the student of a run's selected epoch, and nothing of the teacher, into `RUN/export`: its
/// weights in each format, `model.json` with all that is needed to use them, and a `README.md`.
///
/// Each file is read back, and has to give the logits of the network that was trained; only then
/// does the folder take the place of an earlier one, whole. A student whose norms use the statistics
/// of the batch is not written as ONNX.
///
/// # Errors
/// [`DriverError::Model`] for an opset that is not written, [`DriverError::Folder`] where the run has no student yet or another process works in it,
/// [`DriverError::Export`] where a file gives other logits than the student.
pub fn export(
    run: &Path,
    config: &ExportConfig,
    device: &Device,
) -> Result<ExportCard, DriverError> {
    export_stage(run, Stage::Student, config, device)
}

/// As [`export`], for any network of a run that has weights of its own; all but the student go into the folder
/// `RUN/export-NAME`, as files called `NAME`.
///
/// # Errors
/// As [`export`], and [`DriverError::Folder`] for a network that the run has not, and for one without weights of its own:
/// an ensemble.
pub fn export_stage(
    run: &Path,
    stage: Stage,
    config: &ExportConfig,
    device: &Device,
) -> Result<ExportCard, DriverError> {
    config.onnx.check()?;
    // Nothing is left in a folder that is no run's.
    if !run.join("run.json").is_file() {
        return Err(missing(run, stage));
    }
    let _lock = lock(run)?;
    export_locked(run, stage, config, device)
}

/// The folder in a run's folder that a stage's network is exported to.
pub fn export_folder(run: &Path, stage: Stage) -> PathBuf {
    match stage {
        Stage::Student => run.join("export"),
        other => run.join(format!("export-{}", other.name())),
    }
}

fn missing(run: &Path, stage: Stage) -> DriverError {
    let networks = fs::read_dir(run.join("networks")).into_iter().flatten().flatten();
    let networks = networks.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = Stage::ALL.map(|stage| stage.name().to_owned()).into();
    names.extend(networks);
    let selected = Weights::Selected.file();
    names.retain(|name| Stage::named(name).folder(run).join(&selected).is_file());
    let hint = match names.is_empty() {
        true => "name the folder of a finished run".to_owned(),
        false => format!(
            "it has {}; an ensemble has no weights of its own, and a network whose `stage.json` is gone is run again",
            names.join(", ")
        ),
    };
    let of = if stage == Stage::Student { "student" } else { "network" };
    let named =
        if stage == Stage::Student { String::new() } else { format!(" `{}`", stage.name()) };
    DriverError::Folder {
        path: run.to_owned(),
        problem: format!("it has no trained {of}{named}"),
        hint,
    }
}

/// As [`export_stage`], for the process that holds the run's lock already.
pub(crate) fn export_locked(
    run: &Path,
    stage: Stage,
    config: &ExportConfig,
    device: &Device,
) -> Result<ExportCard, DriverError> {
    clean_up(run);
    let folder = stage.folder(run);
    let weights = folder.join(Weights::Selected.file());
    let missing = || missing(run, stage);
    if !folder.join("stage.json").is_file() || !weights.is_file() {
        return Err(missing());
    }
    let model = ModelCard::beside(&weights)?.ok_or_else(missing)?;
    let origin = Origin::of(run, stage)?.ok_or_else(missing)?;
    let probe = Probe::new(model, &weights, config, device)?;

    let writing =
        tempfile::Builder::new().prefix(WRITING).tempdir_in(run).map_err(DriverError::io(run))?;
    let mut files = BTreeMap::new();
    for format in &config.formats {
        // Asked for alone it is refused, with the reason.
        let skipped = *format == ExportFormat::Onnx && probe.norm_is_of_batch();
        if skipped && config.formats.len() > 1 {
            continue;
        }
        let name = format.file_of(stage);
        let path = writing.path().join(&name);
        let bytes = probe.write(*format, &path)?;
        write_atomic(&path, &bytes)?;
        let largest_difference = probe.check(*format, &path)?;
        let file =
            ExportedFile { bytes: bytes.len() as u64, sha256: sha256(&bytes), largest_difference };
        files.insert(name, file);
    }
    let model = ModelCard { files, ..probe.card };
    let has_onnx = model.files.contains_key(&ExportFormat::Onnx.file_of(stage));
    let onnx = has_onnx.then_some(config.onnx);
    let card = ExportCard::new(model, origin, config.precision, onnx);
    write_json(&writing.path().join("model.json"), &card)?;
    write_atomic(&writing.path().join("README.md"), card.readme().as_bytes())?;

    swap(readable(writing.keep())?, &export_folder(run, stage))?;
    Ok(card)
}

/// Where an earlier export waits while a new one takes its name, which stands behind; begins as [`WRITING`] does.
const ASIDE: &str = ".writing-earlier-";

/// Whether `RUN/export` holds the run's student as it is now, in whatever formats.
pub(crate) fn is_current(run: &Path) -> Result<bool, DriverError> {
    let folder = run.join("export");
    let Ok(Some(card)) = read_json::<ExportCard>(&folder.join("model.json")) else {
        return Ok(false);
    };
    if Origin::of(run, Stage::Student)?.is_none_or(|origin| card.origin != origin) {
        return Ok(false);
    }
    Ok(card.model.files.iter().all(|(name, file)| {
        fs::metadata(folder.join(name)).is_ok_and(|meta| meta.len() == file.bytes)
    }))
}

/// Clears up what killed processes left in a run's folder. The lock says that none is at work now.
pub(crate) fn clean_up(run: &Path) {
    for entry in fs::read_dir(run).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(target) = name.to_string_lossy().strip_prefix(ASIDE).map(|of| run.join(of)) else {
            continue;
        };
        if entry.path().is_dir() && !target.exists() {
            // It stood between its two names when the process was killed.
            let _ = fs::rename(entry.path(), &target);
        }
    }
    remove_unfinished(run);
    let networks = fs::read_dir(run.join("networks")).into_iter().flatten().flatten();
    let folders = Stage::ALL.map(|stage| stage.folder(run));
    for folder in folders.into_iter().chain(networks.map(|entry| entry.path())) {
        remove_unfinished(&folder);
    }
}

/// Puts a finished folder in the place of another one, which stays whole until then and is put back
/// where that fails.
fn swap(finished: PathBuf, target: &Path) -> Result<(), DriverError> {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    let aside = finished.with_file_name(format!("{ASIDE}{name}"));
    let earlier = target.exists();
    if earlier {
        fs::rename(target, &aside).map_err(DriverError::io(target))?;
    }
    if let Err(error) = fs::rename(&finished, target) {
        if earlier {
            let _ = fs::rename(&aside, target);
        }
        let _ = fs::remove_dir_all(&finished);
        return Err(DriverError::io(target)(error));
    }
    if earlier {
        let _ = fs::remove_dir_all(&aside);
    }
    Ok(())
}

/// Temporary folders are private; results are not.
fn readable(folder: PathBuf) -> Result<PathBuf, DriverError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&folder, permissions).map_err(DriverError::io(&folder))?;
    }
    Ok(folder)
}
