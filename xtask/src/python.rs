//! Python of a virtual environment in the target folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use crate::cargo;

/// The Python of the virtual environment in `folder`, made where it is missing, with these packages. `DISTILL_PYTHON` names one that
/// has the packages already.
pub(crate) fn environment(folder: &Path, packages: &[&str]) -> anyhow::Result<PathBuf> {
    if let Some(python) = std::env::var_os("DISTILL_PYTHON") {
        return Ok(python.into());
    }
    let venv = folder.join("venv");
    let python = venv.join("bin/python");
    if !python.is_file() {
        cargo::run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    }
    let mut install = Command::new(&python);
    cargo::run(install.args(["-m", "pip", "install", "--quiet"]).args(packages))?;
    Ok(python)
}
