//! `cargo xtask book`: the book's links lead somewhere, and its commands do what they say.

mod blocks;
mod commands;
mod links;
mod photos;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, ensure};
use clap::Args;

use crate::cargo;

/// What of the book is run, and with which program.
#[derive(Debug, Args)]
pub(crate) struct Book {
    /// Run the commands of these pages alone, `your-data.md`; links of all are checked
    pages: Vec<String>,
    /// This program, with its examples in the folder `examples` beside it, in place of building it
    #[arg(long)]
    binary: Option<PathBuf>,
}

/// All pages, with the program and the examples that the tests have built.
pub(crate) fn whole() -> anyhow::Result<()> {
    let name = format!("distill{}", std::env::consts::EXE_SUFFIX);
    let binary = cargo::target_folder()?.join("release").join(name);
    run(&Book { pages: Vec::new(), binary: Some(binary) })
}

/// A page.
struct Chapter {
    /// From the folder that it is a page of, for the book's `docs`.
    name: String,
    text: String,
}

pub(crate) fn run(book: &Book) -> anyhow::Result<()> {
    let docs = cargo::root().join("docs");
    let chapters = chapters(&docs)?;
    let links = links::check(cargo::root(), "docs", &chapters)?;
    let outside = links::check(cargo::root(), "", &outside()?)?;
    println!("book: {} pages, {links} links; {outside} links of pages beside it", chapters.len());
    for page in &book.pages {
        ensure!(chapters.iter().any(|c| c.name == *page), "`{page}` is no page of docs/SUMMARY.md");
    }
    let wanted = chapters.iter().filter(|c| book.pages.is_empty() || book.pages.contains(&c.name));
    commands::run(&wanted.collect::<Vec<_>>(), book.binary.as_deref())?;
    build(&docs)
}

/// The pages that `SUMMARY.md` names, which are all that there are.
fn chapters(docs: &Path) -> anyhow::Result<Vec<Chapter>> {
    let summary = fs::read_to_string(docs.join("SUMMARY.md")).context("docs/SUMMARY.md")?;
    let named: Vec<String> =
        summary.lines().flat_map(links::of_line).filter(|name| name.ends_with(".md")).collect();
    let mut there = BTreeSet::new();
    pages(docs, docs, &mut there)?;
    there.remove("SUMMARY.md");
    for name in &there {
        ensure!(
            named.contains(name),
            "docs/{name} is not in docs/SUMMARY.md, so no reader finds it"
        );
    }
    let chapters = named.into_iter().map(|name| {
        let text = fs::read_to_string(docs.join(&name)).with_context(|| format!("docs/{name}"))?;
        Ok(Chapter { name, text })
    });
    chapters.collect()
}

/// Pages that are not the book's, whose links lead into it or beside it.
fn outside() -> anyhow::Result<Vec<Chapter>> {
    let names = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"];
    let mut names = names.map(str::to_owned).to_vec();
    for entry in fs::read_dir(cargo::root().join("crates"))? {
        let name = format!("crates/{}/README.md", entry?.file_name().to_string_lossy());
        if cargo::root().join(&name).is_file() {
            names.push(name);
        }
    }
    let chapters = names.into_iter().map(|name| {
        let text = fs::read_to_string(cargo::root().join(&name)).with_context(|| name.clone())?;
        Ok(Chapter { name, text })
    });
    chapters.collect()
}

fn pages(docs: &Path, folder: &Path, found: &mut BTreeSet<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path: PathBuf = entry?.path();
        if path.is_dir() {
            pages(docs, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            let name = path.strip_prefix(docs)?.to_string_lossy().replace('\\', "/");
            found.insert(name);
        }
    }
    Ok(())
}

fn build(docs: &Path) -> anyhow::Result<()> {
    let installed = Command::new("mdbook").arg("--version").output();
    if installed.is_ok_and(|output| output.status.success()) {
        return cargo::run(Command::new("mdbook").arg("build").arg(docs));
    }
    eprintln!(
        "skipped: mdbook is not installed (`cargo install --locked mdbook`), the pages were checked without it"
    );
    Ok(())
}
