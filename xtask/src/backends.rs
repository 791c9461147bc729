//! The suite that compares backends, and checks of all of them, also those whose hardware is not here.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, ensure};

use crate::cargo;

/// Which backends, and what becomes of the table.
#[derive(Debug, clap::Args)]
pub(crate) struct Suite {
    /// Backends to compile in and compare; those without a device are skipped
    #[arg(default_values = ["flex", "ndarray", "wgpu"])]
    pub(crate) backends: Vec<String>,
    /// Refuse to leave out a backend that finds no device
    #[arg(long)]
    pub(crate) all: bool,
    /// Of each family of networks the smallest alone
    #[arg(long)]
    pub(crate) families: bool,
    /// Run these parts alone: objectives, networks, optimizers, training, checkpoints
    #[arg(long, value_name = "PART,PART")]
    pub(crate) parts: Option<String>,
    /// Put the table into docs/results/backends.md
    #[arg(long, conflicts_with = "parts")]
    pub(crate) write: bool,
}

/// Where the table stands in the page.
const MARKS: [&str; 2] = ["<!-- the suite's table -->\n", "\n<!-- end of the suite's table -->"];
const LOCK: &str = "Cargo.lock";

pub(crate) fn run(suite: &Suite) -> anyhow::Result<()> {
    cargo::run(cargo::cargo().args(build_arguments(&suite.backends)))?;
    let mut command = Command::new(cargo::target_folder()?.join("release/suite"));
    command.current_dir(cargo::root()).args(&suite.backends).stderr(Stdio::inherit());
    if !suite.all {
        command.arg("--skip-missing");
    }
    if suite.families {
        command.arg("--families");
    }
    if let Some(parts) = &suite.parts {
        command.args(["--parts", parts]);
    }
    let output = command.output().context("the suite cannot be started")?;
    let table = String::from_utf8(output.stdout)?;
    println!("{}", table.trim_end());
    ensure!(output.status.success(), "a backend differs, see above");
    if suite.write {
        let page = cargo::root().join("docs/results/backends.md");
        let text = fs::read_to_string(&page)?;
        fs::write(&page, with_table(&text, table.trim_end()).context("the page has no marks")?)?;
    }
    Ok(())
}

fn build_arguments(backends: &[String]) -> Vec<String> {
    // The same features as the tests': what both compile is compiled once. Without autotune: which of the right
    // kernels is the fastest does not matter here, and trying them takes minutes in software.
    let features: Vec<String> =
        backends.iter().map(|name| format!("distill-backends/{name}")).collect();
    let fixed = ["build", "--release", "--workspace", "--bin", "suite", "--features"];
    fixed.into_iter().map(str::to_owned).chain([features.join(",")]).collect()
}

fn with_table(page: &str, table: &str) -> Option<String> {
    let [first, last] = MARKS;
    let (before, rest) = page.split_once(first)?;
    let (_, after) = rest.split_once(last)?;
    Some(format!("{before}{first}{table}{last}{after}"))
}

/// Where set, `cuda` is checked with the LLVM that its build fetches.
const CHECK_CUDA: &str = "DISTILL_CHECK_CUDA";

/// Runs cargo over the workspace with every backend compiled in, as far as a check goes.
///
/// `cuda` fetches a prebuilt LLVM. The stand-in of `shared/cuda-offline` takes its place where it is there, which is
/// enough for a check, and for kernels that go through CUDA C++; without it `cuda` is left out.
pub(crate) fn with_every_backend(subcommand: &[&str], more: &[&str]) -> anyhow::Result<()> {
    let stand_in = stand_in();
    let mut features = cargo::features("distill-backends")?;
    features.retain(|name| !["default", "autotune", "cuda", "cuda-cpp"].contains(&name.as_str()));
    if stand_in.is_some() || std::env::var_os(CHECK_CUDA).is_some() {
        features.push("cuda-cpp".to_owned());
    } else {
        eprintln!("skipped: cuda, whose build fetches an LLVM; `{CHECK_CUDA}=1` checks it, too");
    }
    let features: Vec<String> =
        features.iter().map(|name| format!("distill-backends/{name}")).collect();
    let mut command = cargo::cargo();
    command.env("RUSTDOCFLAGS", "-D warnings");
    command.args(subcommand).args(["--release", "--workspace", "--features", &features.join(",")]);
    let Some(stand_in) = stand_in else {
        return cargo::run(command.args(more));
    };
    let patch = format!("patch.crates-io.cubecl-llvm.path={:?}", stand_in.display().to_string());
    let lock = cargo::root().join(LOCK);
    let ours = fs::read(&lock)?;
    let checked = cargo::run(command.args(["--config", &patch]).args(more));
    // A lock file with a stand-in is not the project's.
    fs::write(&lock, ours).context("the lock file is put back")?;
    checked
}

/// Beside the checkout, or beside the tests' data.
fn stand_in() -> Option<PathBuf> {
    let beside = cargo::root().parent().map(|folder| folder.join("shared"));
    let data = std::env::var_os("DISTILL_DATA").map(PathBuf::from);
    let shared = beside.into_iter().chain(data.and_then(|data| Some(data.parent()?.to_owned())));
    shared.map(|folder| folder.join("cuda-offline/cubecl-llvm")).find(|folder| folder.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_takes_the_place_of_the_one_before() {
        let [first, last] = MARKS;
        let page = format!("# Page\n{first}| old |{last}\nMore.");
        let expected = format!("# Page\n{first}| new |{last}\nMore.");
        assert_eq!(with_table(&page, "| new |").as_deref(), Some(expected.as_str()));
        assert_eq!(with_table("no marks", "| new |"), None);
    }
}
