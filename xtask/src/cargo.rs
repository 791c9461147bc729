//! Calling cargo and other programs in the workspace's root.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};

/// One feature set for all that is compiled, so that nothing is compiled twice. What is only checked has more.
pub(crate) const TESTED: [&str; 4] =
    ["--release", "--workspace", "--features", "distill-backends/ndarray,distill-backends/wgpu"];

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace")
}

/// The cargo that runs this task.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// Prints and runs a command; anything but success is an error.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    eprintln!("$ {shown}");
    let status = command.status().with_context(|| format!("`{shown}` cannot be started"))?;
    ensure!(status.success(), "`{shown}` failed with {status}");
    Ok(())
}

/// The folder that cargo builds into.
pub(crate) fn target_folder() -> anyhow::Result<PathBuf> {
    let metadata = metadata(&["--no-deps"])?;
    let folder = metadata["target_directory"].as_str().context("cargo names no target folder")?;
    Ok(folder.into())
}

/// What `cargo metadata` says.
pub(crate) fn metadata(arguments: &[&str]) -> anyhow::Result<serde_json::Value> {
    let mut command = cargo();
    command.args(["metadata", "--format-version", "1"]).args(arguments);
    let output = command.output().context("`cargo metadata` cannot be started")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// The cargo features of a package of the workspace.
pub(crate) fn features(package: &str) -> anyhow::Result<Vec<String>> {
    let metadata = metadata(&["--no-deps"])?;
    let packages = metadata["packages"].as_array().context("cargo lists no packages")?;
    let found = packages.iter().find(|one| one["name"] == package);
    let features = found.and_then(|one| one["features"].as_object());
    let features = features.with_context(|| format!("no package `{package}` in the workspace"))?;
    Ok(features.keys().cloned().collect())
}

fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_stem().unwrap_or_default();
    let words = [program].into_iter().chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
