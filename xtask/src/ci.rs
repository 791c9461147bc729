//! Every check of a change, the cheapest first.

use std::{process::Command, time::Instant};

use crate::{backends, book, cargo, tidy};

pub(crate) fn run() -> anyhow::Result<()> {
    step("format", || cargo::run(cargo::cargo().args(["fmt", "--all", "--check"])))?;
    step("tidy", tidy::run)?;
    step("licences", licences)?;
    step("clippy", || {
        let lint = ["--all-targets", "--", "-D", "warnings"];
        backends::with_every_backend(&["clippy"], &lint)
    })?;
    step("tests", || cargo::run(cargo::cargo().arg("test").args(cargo::TESTED)))?;
    step("backends", || backends::run(&suite()))?;
    step("book", book::whole)?;
    step("docs", docs)
}

/// Elsewhere than on a server that checks changes a machine without a GPU, or software Vulkan, will do.
fn suite() -> backends::Suite {
    let all = std::env::var_os("CI").is_some();
    let names = ["flex", "ndarray", "wgpu"].map(str::to_owned);
    backends::Suite { backends: names.to_vec(), all, families: true, parts: None, write: false }
}

pub(crate) fn docs() -> anyhow::Result<()> {
    backends::with_every_backend(&["doc", "--no-deps"], &[])
}

/// The kernels' tests under the address sanitizer, which a stable compiler has but does not promise.
pub(crate) fn sanitize() -> anyhow::Result<()> {
    let target = "x86_64-unknown-linux-gnu";
    let mut command = cargo::cargo();
    command.args(["test", "--package", "distill-kernels", "--lib", "--no-default-features"]);
    command
        .args(["--target", target, "--target-dir"])
        .arg(cargo::target_folder()?.join("sanitize"));
    command.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    cargo::run(&mut command)
}

fn licences() -> anyhow::Result<()> {
    let installed = Command::new("cargo-deny").arg("--version").output();
    if installed.is_ok_and(|output| output.status.success()) {
        // Advisories need a database from the network: the GitHub workflow checks them.
        let check = ["deny", "--all-features", "check", "licenses", "bans", "sources"];
        return cargo::run(cargo::cargo().args(check));
    }
    eprintln!("skipped: cargo-deny is not installed (`cargo install --locked cargo-deny`)");
    Ok(())
}

fn step(name: &str, run: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let started = Instant::now();
    eprintln!("== {name}");
    run()?;
    eprintln!("== {name} passed in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}
