//! What a sweep's folder holds from earlier calls.

use std::{fs, io::ErrorKind, path::Path};

use distill_driver::DriverError;
use distill_report::{SWEEP, Sweep};
use serde::Deserialize;

/// The part of `sweep.json` that a later call goes on with.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Held {
    recipe: String,
    backend: String,
    settings: Vec<String>,
    fields: Vec<String>,
    /// Seeds that were asked for.
    pub(super) seeds: Vec<u64>,
    /// Points that were asked for.
    pub(super) points: Vec<HeldPoint>,
}

#[derive(Debug, Deserialize)]
pub(super) struct HeldPoint {
    /// Value of each field.
    pub(super) values: Vec<String>,
    /// What stopped its runs.
    pub(super) failures: Vec<String>,
}

impl Held {
    /// Reads a folder that is new, or this sweep's; its fields may have had other values then.
    ///
    /// # Errors
    /// [`DriverError`] for a folder that is something else.
    pub(super) fn of(folder: &Path, sweep: &Sweep) -> Result<Self, DriverError> {
        let path = folder.join(SWEEP);
        let refuse_of = |path: &Path, problem: String| DriverError::Folder {
            path: path.to_owned(),
            problem,
            hint: "name another folder with `--out`".to_owned(),
        };
        let refuse = |problem: String| refuse_of(&path, problem);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() != ErrorKind::NotFound => {
                return Err(refuse(format!("it cannot be read ({e})")));
            }
            Err(_) if is_empty(folder) => return Ok(Self::default()),
            Err(_) => {
                return Err(refuse_of(folder, "it holds something else than a sweep".to_owned()));
            }
        };
        let held: Self =
            serde_json::from_str(&text).map_err(|e| refuse(format!("a damaged record ({e})")))?;
        let list = |texts: &[String]| {
            if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
        };
        for (name, there, here) in [
            ("recipe", held.recipe.clone(), sweep.recipe.clone()),
            ("backend", held.backend.clone(), sweep.backend.clone()),
            ("settings", list(&held.settings), list(&sweep.settings)),
            ("fields", list(&held.fields), list(&sweep.fields)),
        ] {
            if there != here {
                return Err(refuse(format!(
                    "it holds a sweep with the {name} `{there}`, here `{here}`"
                )));
            }
        }
        match held.points.iter().find(|point| point.values.len() != held.fields.len()) {
            Some(_) => Err(refuse("a damaged record (a point lacks values)".to_owned())),
            None => Ok(held),
        }
    }
}

/// Whether nothing is there, or what a killed process left that was writing the first record.
fn is_empty(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.all(|entry| entry.file_name().to_string_lossy().starts_with(".writing-"))
}
