//! What every archive reader checks.

use std::path::{Component, Path};

use crate::DataError;

/// The last part of a member's path, once the path is known to stay inside the archive.
pub(crate) fn checked_name(archive: &Path, member: &Path) -> Result<String, DataError> {
    if !member.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        let problem = format!("a path that climbs out of it, `{}`", member.display());
        return Err(DataError::malformed(archive, problem, "paths below the archive's root"));
    }
    Ok(member.file_name().unwrap_or_default().to_string_lossy().into_owned())
}
