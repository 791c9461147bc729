//! Stages that another run has finished already, from the same inputs.

use std::{fs, path::Path};

use super::Pipeline;
use crate::{
    DriverError, Event, Observer, Stage, StageRecord,
    files::{WRITING, read_json, write_json},
};

impl Pipeline<'_> {
    /// Copies a finished stage with this fingerprint from the first run that has one, where the stage has neither a
    /// result nor a checkpoint. Its inputs are the same, and so are its bits.
    pub(super) fn reuse(
        &self,
        stage: Stage,
        fingerprint: &str,
        folder: &Path,
        observer: &mut dyn Observer,
    ) -> Result<bool, DriverError> {
        for run in &self.config.reuse {
            let theirs = stage.folder(run);
            // A run that is damaged, or being made, is no help and no harm.
            let Ok(Some(record)) = read_json::<StageRecord>(&theirs.join(RECORD)) else { continue };
            if record.fingerprint != fingerprint || !self.weights_are_whole(&theirs, stage, &record)
            {
                continue;
            }
            copy_files(&theirs, folder)?;
            // Copied by a process that is killed now, what is there is no finished stage.
            if !self.weights_are_whole(folder, stage, &record) {
                continue;
            }
            write_json(&folder.join(RECORD), &record)?;
            let note = format!(
                "{}: taken from {}, made from the same inputs",
                stage.name(),
                run.display()
            );
            observer.on(Event::Note(note));
            return Ok(true);
        }
        Ok(false)
    }
}

/// Written when a stage is done.
const RECORD: &str = "stage.json";

fn copy_files(from: &Path, to: &Path) -> Result<(), DriverError> {
    for entry in fs::read_dir(from).map_err(DriverError::io(from))? {
        let entry = entry.map_err(DriverError::io(from))?;
        let name = entry.file_name();
        let is_file = entry.file_type().map_err(DriverError::io(entry.path()))?.is_file();
        if is_file && name != RECORD && !name.to_string_lossy().starts_with(WRITING) {
            fs::copy(entry.path(), to.join(&name)).map_err(DriverError::io(to.join(&name)))?;
        }
    }
    Ok(())
}
