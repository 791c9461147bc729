//! The commands of blocks that are marked `sh`, as a reader would type them.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, bail, ensure};

use super::{
    Chapter,
    blocks::{self, Block, Kind},
    photos,
};
use crate::cargo;

/// Takes the place of `distill`: trainings are shortened to seconds, nothing else is changed. What a chapter sets
/// itself comes later and wins; a teacher that is given, or is several networks, is not trained.
const DISTILL: &str = r#"#!/bin/sh
case "${1:-}" in run | check | sweep) ;; *) exec "$DISTILL_BINARY" "$@" ;; esac
command=$1
shift
backend="--backend flex"
offline=--offline
teacher="--set teacher.epochs=1"
for word; do
    case "$word" in
    --backend | --backend=*) backend= ;;
    --offline) offline= ;;
    teacher.weights=*) teacher= ;;
    *.toml) grep -qs '^weights\|^\[teacher\.ensemble\|^\[teacher\.specialists' "$word" && teacher= ;;
    esac
done
exec "$DISTILL_BINARY" "$command" $offline $backend $teacher --set student.epochs=1 \
    --set data.train=40 --set data.validation=16 --set optimizer.batch=16 "$@"
"#;

/// Takes the place of `cargo`: everything is built already. Other builds than that are checked and not made, by the
/// cargo that comes behind this one in `PATH`.
const CARGO: &str = r#"#!/bin/sh
case "$*" in
"xtask distill"*) shift 2; exec distill run "$@" ;;
"xtask sweep"*) shift 2; exec distill sweep "$@" ;;
"xtask "*) echo "not run, $2 is a task"; exec "$XTASK_BINARY" "$2" --help ;;
"run --release "*" --example "*)
    while [ "$1" != --example ]; do shift; done
    exec "$(dirname "$DISTILL_BINARY")/examples/$2" ;;
"build --release "*)
    shift 2
    echo "not built, these packages and features are there:"
    PATH=${PATH#*:}
    exec "$CARGO" tree --quiet --offline --depth 0 --manifest-path "$WORKSPACE/Cargo.toml" "$@" ;;
*) echo "cargo $*: the book runs no such command" >&2; exit 3 ;;
esac
"#;

/// What the commands are run with.
struct Tools {
    /// Goes before all else in `PATH`.
    folder: PathBuf,
    distill: PathBuf,
}

/// Runs the blocks of each chapter one after another in a folder of the chapter's own.
pub(super) fn run(chapters: &[&Chapter], binary: Option<&Path>) -> anyhow::Result<()> {
    let distill = match binary {
        Some(binary) => fs::canonicalize(binary).with_context(|| binary.display().to_string())?,
        None => built()?,
    };
    let folder = cargo::target_folder()?.join(format!("book-commands-{}", std::process::id()));
    let tools = Tools { folder: folder.join("bin"), distill };
    tools.write()?;

    let (started, mut count) = (Instant::now(), 0);
    for chapter in chapters {
        let blocks = blocks::of(&chapter.text).with_context(|| format!("docs/{}", chapter.name))?;
        if blocks.iter().all(|block| !block.is_run()) {
            continue;
        }
        let own = folder.join(chapter.name.replace('/', "-"));
        photos::write(&own.join("photos"))?;
        let before = Instant::now();
        for block in &blocks {
            tools.run(&own, block).with_context(|| {
                format!("docs/{}:{}, in {}", chapter.name, block.line, own.display())
            })?;
            count += usize::from(block.is_run());
        }
        println!("book: docs/{} in {:.0} s", chapter.name, before.elapsed().as_secs_f64());
    }
    ensure!(count > 0, "the pages have no commands, expected blocks that begin with ```sh");
    println!("book: {count} blocks of commands in {:.0} s", started.elapsed().as_secs_f64());
    fs::remove_dir_all(&folder)?;
    Ok(())
}

/// The program and the examples, as the tests have built them.
fn built() -> anyhow::Result<PathBuf> {
    let what = ["--bin", "distill", "--examples"];
    cargo::run(cargo::cargo().arg("build").args(cargo::TESTED).args(what))?;
    let name = format!("distill{}", std::env::consts::EXE_SUFFIX);
    Ok(cargo::target_folder()?.join("release").join(name))
}

impl Tools {
    fn write(&self) -> anyhow::Result<()> {
        fs::create_dir_all(&self.folder)?;
        for (name, text) in [("distill", DISTILL), ("cargo", CARGO)] {
            let path = self.folder.join(name);
            fs::write(&path, text)?;
            make_executable(&path)?;
        }
        Ok(())
    }

    fn run(&self, folder: &Path, block: &Block) -> anyhow::Result<()> {
        let fails_with = match &block.kind {
            Kind::Shown => return Ok(()),
            Kind::File(name) => return Ok(fs::write(folder.join(name), &block.text)?),
            Kind::Run => None,
            Kind::Fails(said) => Some(said),
        };
        let (code, said) = self.shell(folder, &block.text)?;
        let commands = &block.text;
        match (fails_with, code) {
            (None, Some(0)) => Ok(()),
            (None, _) => bail!("these commands failed:\n{commands}\n{said}"),
            (Some(expected), Some(1 | 2)) => match blocks::missing(expected, &said) {
                None => Ok(()),
                Some(line) => {
                    bail!("these commands failed without saying `{line}`:\n{commands}\n{said}")
                }
            },
            (Some(_), code) => {
                bail!("these commands ended with {code:?}, expected 1 or 2:\n{commands}\n{said}")
            }
        }
    }

    /// Exit code, and what was said on both streams, the second with each command ahead of its own words.
    fn shell(&self, folder: &Path, text: &str) -> anyhow::Result<(Option<i32>, String)> {
        let output = Command::new("sh")
            .args(["-eux", "-c", text])
            .current_dir(folder)
            .env("PATH", self.path()?)
            .env("DISTILL_BINARY", &self.distill)
            .env("DISTILL_CACHE", folder.join("kept-answers"))
            .env("XTASK_BINARY", std::env::current_exe()?)
            .env("CARGO", cargo::cargo().get_program())
            .env("WORKSPACE", cargo::root())
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE")
            .stdin(Stdio::null())
            .output()?;
        let streams = [output.stdout, output.stderr];
        let said = streams.map(|text| String::from_utf8_lossy(&text).into_owned());
        Ok((output.status.code(), said.concat()))
    }

    fn path(&self) -> anyhow::Result<OsString> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let all = [self.folder.clone()].into_iter().chain(std::env::split_paths(&path));
        Ok(std::env::join_paths(all)?)
    }
}

#[cfg(unix)]
fn make_executable(path: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(0o755))?)
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> anyhow::Result<()> {
    bail!("the book's commands want a Unix shell")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(kind: Kind, text: &str) -> Result<(), String> {
        let folder = std::env::temp_dir();
        let tools = Tools { folder: folder.clone(), distill: folder.join("distill") };
        let block = Block { line: 1, kind, text: text.to_owned() };
        tools.run(&folder, &block).map_err(|error| error.to_string())
    }

    #[test]
    fn a_command_that_fails_is_told() {
        assert_eq!(outcome(Kind::Run, "true"), Ok(()));
        let error = outcome(Kind::Run, "echo before; false; echo after").unwrap_err();
        assert!(error.ends_with("\nbefore\n+ echo before\n+ false\n"), "{error}");
    }

    #[test]
    fn a_command_that_has_to_fail_says_what_the_page_says() {
        let fails = |text: &str| outcome(Kind::Fails("`x` is `1`\n".to_owned()), text);
        assert_eq!(fails("echo 'a: `x` is `1`, expected 2' >&2; exit 2"), Ok(()));
        assert!(fails("echo 'a: `x` is `3`' >&2; exit 2").unwrap_err().contains("without saying"));
        assert!(fails("echo '`x` is `1`'").unwrap_err().contains("Some(0)"));
        assert!(fails("no-such-command-at-all").unwrap_err().contains("Some(127)"));
    }
}
