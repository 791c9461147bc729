//! Golden files: each is written by a script that stands beside it and uses Python alone.

use std::{path::PathBuf, process::Command};

use crate::cargo;

/// The scripts that write golden files.
pub(crate) const SCRIPTS: [&str; 1] = ["crates/objective/tests/golden/reference.py"];

pub(crate) fn run() -> anyhow::Result<()> {
    for script in SCRIPTS {
        let path: PathBuf = cargo::root().join(script);
        cargo::run(Command::new("python3").arg(path))?;
    }
    println!("look at `git diff`: a golden file changes only with the definition of its loss");
    Ok(())
}
