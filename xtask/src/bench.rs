//! The criterion benches.

use crate::cargo;

pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<()> {
    let mut command = cargo::cargo();
    // The release profile by name: what the tests compiled is not compiled again.
    command.args(["bench", "--profile", "release", "--workspace", "--features", "distill/ndarray"]);
    command.args(["--bench", "*"]);
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    cargo::run(&mut command)
}
