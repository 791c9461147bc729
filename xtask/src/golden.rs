//! Golden files: each is written by a script that stands beside it.

use std::process::Command;

use crate::{cargo, python};

const FOLDER: &str = "crates/objective/tests/golden";

/// The first scripts need Python alone; the last, an implementation of its own in PyTorch, checks what the
/// first one wrote before it writes.
pub(crate) fn run() -> anyhow::Result<()> {
    let scripts = cargo::root().join(FOLDER);
    for script in ["reference.py", "edges.py"] {
        cargo::run(Command::new("python3").arg(scripts.join(script)))?;
    }
    let python =
        python::environment(&cargo::target_folder()?.join("interop"), &["torch", "numpy"])?;
    cargo::run(Command::new(python).arg(scripts.join("pytorch.py")))?;
    println!("look at `git diff`: a golden file changes only with the definition of its loss");
    Ok(())
}
