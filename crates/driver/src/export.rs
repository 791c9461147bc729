//! The student alone, ready to be used elsewhere.

use std::{fs, path::Path};

use crate::{
    DriverError, ModelCard,
    files::{create_dir, write_atomic, write_json},
};

/// Puts the student of a finished run, and nothing of the teacher, into `RUN/export`: the weights of
/// the selected epoch as `student.bpk` and what is needed to use them as `model.json`.
///
/// # Errors
/// [`DriverError::Folder`] where the run has no student yet.
pub fn export(run: &Path) -> Result<(), DriverError> {
    let weights = run.join("student").join("selected.bpk");
    let missing = || DriverError::Folder {
        path: run.to_owned(),
        problem: "it has no trained student".to_owned(),
        hint: "name the folder of a finished run".to_owned(),
    };
    if !run.join("student").join("stage.json").is_file() {
        return Err(missing());
    }
    let bytes = fs::read(&weights).map_err(|_| missing())?;
    let card = ModelCard::beside(&weights)?.ok_or_else(missing)?;
    let folder = run.join("export");
    create_dir(&folder)?;
    write_atomic(&folder.join("student.bpk"), &bytes)?;
    write_json(&folder.join("model.json"), &card)
}
