//! The rules of the house that a compiler does not check.

mod circles;
mod modules;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, ensure};

use crate::cargo;
use modules::Modules;

/// Which crates of the workspace each crate may name as a normal dependency.
const MAY_KNOW: [(&str, &[&str]); 10] = [
    ("distill-objective", &[]),
    ("distill-kernels", &[]),
    ("distill-models", &["distill-kernels"]),
    ("distill-datasets", &[]),
    ("distill-collective", &[]),
    (
        "distill-driver",
        &["distill-objective", "distill-models", "distill-datasets", "distill-collective"],
    ),
    ("distill-backends", &[]),
    ("distill-report", &["distill-driver"]),
    (
        "distill",
        &[
            "distill-driver",
            "distill-objective",
            "distill-models",
            "distill-datasets",
            "distill-backends",
            "distill-report",
        ],
    ),
    ("xtask", &[]),
];

/// A source file beyond this many lines wants to be two.
const LONGEST: usize = 600;

pub(crate) fn run() -> anyhow::Result<()> {
    dependencies()?;
    one_golden_file_a_term()?;
    file_lengths()?;
    modules()?;
    println!("tidy: dependencies, modules, golden files and file lengths are in order");
    Ok(())
}

fn dependencies() -> anyhow::Result<()> {
    let metadata = cargo::metadata(&["--no-deps"])?;
    directions(metadata["packages"].as_array().context("cargo lists no packages")?)
}

/// Each crate knows those below it alone.
fn directions(packages: &[serde_json::Value]) -> anyhow::Result<()> {
    let names: BTreeSet<&str> = packages.iter().filter_map(|p| p["name"].as_str()).collect();
    for (name, allowed) in MAY_KNOW {
        let package = packages.iter().find(|package| package["name"] == name);
        let package = package.with_context(|| format!("no package `{name}` in the workspace"))?;
        let known = package["dependencies"].as_array().into_iter().flatten();
        let normal = known.filter(|dependency| dependency["kind"].is_null());
        for dependency in normal.filter_map(|dependency| dependency["name"].as_str()) {
            let ours = names.contains(dependency);
            ensure!(
                !ours || allowed.contains(&dependency),
                "`{name}` depends on `{dependency}`, expected one of {allowed:?}: see ARCHITECTURE.md"
            );
        }
    }
    Ok(())
}

fn one_golden_file_a_term() -> anyhow::Result<()> {
    let source = cargo::root().join("crates/objective/src");
    let mut terms = 0;
    for path in rust_files(&source)? {
        let text = fs::read_to_string(&path)?;
        if !text.contains("impl Term for ") {
            continue;
        }
        terms += 1;
        let stem = path.file_stem().context("a file has a name")?.to_string_lossy().into_owned();
        let golden = cargo::root().join(format!("crates/objective/tests/golden/{stem}.json"));
        ensure!(
            golden.is_file(),
            "{} has no golden file, expected {}",
            path.display(),
            golden.display()
        );
        let page = cargo::root().join(format!("docs/objectives/{}.md", stem.replace('_', "-")));
        ensure!(page.is_file(), "{} has no page, expected {}", path.display(), page.display());
    }
    ensure!(terms >= 2, "found {terms} terms in {}", source.display());
    Ok(())
}

/// No circle between the modules of one crate, and no module without docs.
fn modules() -> anyhow::Result<()> {
    let mut problems = Vec::new();
    for folder in crate_folders()? {
        for root in ["src/lib.rs", "src/main.rs"].map(|root| folder.join(root)) {
            if !root.is_file() {
                continue;
            }
            let modules = Modules::read(&root)?;
            for module in modules.iter().filter(|module| !module.has_docs) {
                let file = module.file.display();
                problems.push(format!("{file}: no module docs, expected `//!` first"));
            }
            for circle in circles::circles(&modules) {
                problems.push(format!(
                    "{}: modules that mention one another, expected no circle: {}\n{}\n\
                     hint: move what both sides need into a module below them",
                    root.display(),
                    circle.modules,
                    circle.mentions.join("\n")
                ));
            }
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

fn crate_folders() -> anyhow::Result<Vec<PathBuf>> {
    let crates = cargo::root().join("crates");
    let mut folders = vec![cargo::root().join("xtask")];
    for entry in fs::read_dir(&crates).with_context(|| crates.display().to_string())? {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

fn file_lengths() -> anyhow::Result<()> {
    for folder in ["crates", "xtask", "benches"] {
        for path in rust_files(&cargo::root().join(folder))? {
            let lines = fs::read_to_string(&path)?.lines().count();
            ensure!(
                lines <= LONGEST,
                "{} has {lines} lines, expected at most {LONGEST}",
                path.display()
            );
        }
    }
    Ok(())
}

fn rust_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(rust_files(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn packages(of_kernels: &Value) -> Vec<Value> {
        let packages = MAY_KNOW.iter().map(|(name, _)| match *name {
            "distill-kernels" => json!({ "name": name, "dependencies": [of_kernels] }),
            _ => json!({ "name": name, "dependencies": [] }),
        });
        packages.collect()
    }

    #[test]
    fn a_crate_that_knows_one_above_it_is_refused() {
        let test_only = json!({ "name": "distill-models", "kind": "dev" });
        directions(&packages(&test_only)).expect("tests may know all");
        let upward = json!({ "name": "distill-models", "kind": null });
        let error = directions(&packages(&upward)).expect_err("kernels lie below models");
        assert!(error.to_string().contains("`distill-kernels` depends on `distill-models`"));
    }
}
