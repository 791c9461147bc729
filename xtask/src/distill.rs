//! `cargo xtask distill [RECIPE] [OPTIONS]`, and `sweep`: builds the binary with the backend's feature, runs it.

use std::process::Command;

use crate::cargo;

/// Ctrl-C and exit codes belong to the program alone.
pub(crate) fn run(command: &str, arguments: &[String]) -> anyhow::Result<()> {
    become_process(built(command, arguments)?)
}

/// `distill run`, and comes back.
pub(crate) fn call(arguments: &[String]) -> anyhow::Result<()> {
    cargo::run(&mut built("run", arguments)?)
}

fn built(command: &str, arguments: &[String]) -> anyhow::Result<Command> {
    let features = cargo::features("distill")?;
    // A name that is no feature is left to the binary, which says what there is.
    let backend = backend(arguments).filter(|name| features.iter().any(|one| one == name));
    let backend = backend.unwrap_or("flex");
    cargo::run(cargo::cargo().args(build_arguments(backend)))?;

    let name = format!("distill{}", std::env::consts::EXE_SUFFIX);
    let mut distill = Command::new(cargo::target_folder()?.join("release").join(name));
    distill.arg(command).args(arguments);
    Ok(distill)
}

/// Arguments of `cargo build` for the binary with one backend. The package is named because the tests of the whole
/// workspace bring in ndarray, which takes half as long to compile as everything else.
pub(crate) fn build_arguments(backend: &str) -> Vec<String> {
    let fixed = ["build", "--release", "--package", "distill", "--bin", "distill", "--features"];
    let feature = format!("distill/{backend}");
    fixed.into_iter().map(str::to_owned).chain([feature]).collect()
}

fn backend(arguments: &[String]) -> Option<&str> {
    let at = arguments.iter().position(|a| a == "--backend" || a.starts_with("--backend="))?;
    match arguments[at].split_once('=') {
        Some((_, name)) => Some(name),
        None => arguments.get(at + 1).map(String::as_str),
    }
}

#[cfg(unix)]
fn become_process(mut command: Command) -> anyhow::Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_process(mut command: Command) -> anyhow::Result<()> {
    let status = command.status()?;
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backend_is_found_in_both_spellings() {
        let find = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
            backend(&words).map(str::to_owned)
        };
        assert_eq!(find(&["digits", "--backend", "wgpu", "--resume"]).as_deref(), Some("wgpu"));
        assert_eq!(find(&["--backend=ndarray"]).as_deref(), Some("ndarray"));
        assert_eq!(find(&["digits", "--backend"]), None);
        assert_eq!(find(&["digits"]), None);
    }
}
