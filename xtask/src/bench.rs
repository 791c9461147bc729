//! The criterion benches.

use crate::cargo;

pub(crate) fn run(filter: Option<&str>) -> anyhow::Result<()> {
    let mut command = cargo::cargo();
    command.args(["bench", "--workspace", "--bench", "*", "--features", "distill/ndarray"]);
    if let Some(filter) = filter {
        command.args(["--", filter]);
    }
    cargo::run(&mut command)
}
