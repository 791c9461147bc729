//! The commands of blocks that are marked `sh`, as a reader would type them.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, bail, ensure};

use super::{Chapter, photos};
use crate::{cargo, ci};

/// Takes the place of `distill`: trainings are shortened to seconds, nothing else is changed. What a sweep goes over
/// wins over these settings.
const DISTILL: &str = r#"#!/bin/sh
case "$1" in
run | check | sweep)
    exec "$DISTILL_BINARY" "$@" --offline --backend flex \
        --set data.train=40 --set data.validation=16 --set optimizer.batch=16 \
        --set teacher.epochs=1 --set 'teacher.blocks=[[4],[4]]' \
        --set student.epochs=1 --set 'student.blocks=[[4],[4]]' ;;
*) exec "$DISTILL_BINARY" "$@" ;;
esac
"#;

/// Takes the place of `cargo`: the program is built already.
const CARGO: &str = r#"#!/bin/sh
case "$1 $2" in
"xtask distill") shift 2; exec distill run "$@" ;;
"xtask sweep") shift 2; exec distill sweep "$@" ;;
*) echo "cargo $*: the book runs no other command of cargo's" >&2; exit 1 ;;
esac
"#;

/// Runs the blocks of each chapter one after another in a folder of the chapter's own.
pub(super) fn run(chapters: &[Chapter]) -> anyhow::Result<()> {
    cargo::run(cargo::cargo().arg("build").args(ci::TESTED).args(["--bin", "distill"]))?;
    let folder = cargo::target_folder()?.join("book-commands");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let tools = folder.join("bin");
    fs::create_dir_all(&tools)?;
    for (name, text) in [("distill", DISTILL), ("cargo", CARGO)] {
        let path = tools.join(name);
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
    }
    let (started, mut count) = (Instant::now(), 0);
    for chapter in chapters {
        let blocks = blocks(&chapter.text)?;
        if blocks.is_empty() {
            continue;
        }
        let own = folder.join(chapter.name.replace('/', "-"));
        photos::write(&own.join("photos"))?;
        for (line, text) in blocks {
            println!("book: docs/{}:{line}", chapter.name);
            block(&own, &tools, &text).with_context(|| format!("docs/{}:{line}", chapter.name))?;
            count += 1;
        }
    }
    ensure!(count > 0, "the book has no commands, expected blocks that begin with ```sh");
    println!("book: {count} blocks of commands in {:.0} s", started.elapsed().as_secs_f64());
    Ok(())
}

fn block(folder: &Path, tools: &Path, text: &str) -> anyhow::Result<()> {
    let binary = cargo::target_folder()?.join("release/distill");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths: Vec<PathBuf> =
        [tools.to_owned()].into_iter().chain(std::env::split_paths(&path)).collect();
    let output = Command::new("sh")
        .args(["-eu", "-c", text])
        .current_dir(folder)
        .env("PATH", std::env::join_paths(paths)?)
        .env("DISTILL_BINARY", binary)
        .env("DISTILL_CACHE", folder.join("kept-answers"))
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    let [said, told] =
        [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    bail!("these commands ended with {}:\n{text}\n{said}{told}", output.status)
}

/// The blocks that are run, with the line on which each begins.
fn blocks(text: &str) -> anyhow::Result<Vec<(usize, String)>> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        if kind == "sh" {
            ensure!(!block.is_empty(), "line {} begins a block that is empty", at + 1);
            found.push((at + 1, block.join("\n")));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_run_are_those_marked_so() {
        let text = "a\n```sh\nx\ny\n```\n```text\nz\n```\n```sh\nw\n```\n";
        assert_eq!(blocks(text).unwrap(), [(2, "x\ny".to_owned()), (9, "w".to_owned())]);
    }

    #[test]
    fn a_command_that_fails_is_told() {
        let folder = std::env::temp_dir();
        assert!(block(&folder, &folder, "true").is_ok());
        let error =
            block(&folder, &folder, "echo before; false; echo after").unwrap_err().to_string();
        assert!(error.contains("before") && !error.contains("after\n\n"), "{error}");
    }
}
