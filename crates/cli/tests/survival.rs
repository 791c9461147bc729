//! The binary under fire: killed at random moments, on a full disk, beside another one, for a long time.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(unix)]

#[path = "../../driver/tests/common/survival.rs"]
mod files;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use distill_datasets::keyed::{KeyedRng, Operation};
use files::{bits, metrics};

/// Every kind of state: dropout, views, features with what is trained beside them, kept answers, a checkpoint
/// after each step.
const RECIPE: &str = r#"
name = "short"
log_every = 1
checkpoint_every = 1
[data]
dataset = "folder"
path = "images"
size = 8
validation = 16
augment = ["pad-crop 1", "flip"]
[teacher]
model = "vgg-small"
blocks = [[8], [8]]
dropout = 0.1
epochs = 2
[student]
model = "vgg-small"
blocks = [[4], [4]]
dropout = 0.1
epochs = 3
[optimizer]
batch = 16
[cache]
[[objective]]
term = "cross-entropy"
[[objective]]
term = "soft-targets"
[[objective]]
term = "hint"
[[objective]]
term = "crd"
dim = 4
negatives = 8
"#;

const KILLS: usize = 50;

#[test]
fn fifty_kills_change_nothing() {
    let place = Place::new();
    let started = Instant::now();
    let output = place.distill("whole", &[]).output().unwrap();
    let usual = started.elapsed().as_secs_f64();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    let mut rng = KeyedRng::new(6, 0, 0, Operation::Shuffle);
    let (mut kills, mut torn, mut finished) = (0, 0, 0);
    while kills < KILLS {
        let out = format!("killed-{finished}");
        loop {
            let mut child =
                place.distill(&out, &["--resume"]).stderr(Stdio::null()).spawn().unwrap();
            // The first start of each run, too, is killed now and then before it has a folder.
            thread::sleep(Duration::from_secs_f64(rng.unit() * usual * 0.5));
            if child.try_wait().unwrap().is_some() {
                let output = place.distill(&out, &["--resume"]).output().unwrap();
                assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            torn +=
                usize::from(half_written(&place.path(&out)) || half_written(&place.path("cache")));
        }
        place.assert_same("whole", &out);
        finished += 1;
        // The next run fills the cache anew, and is killed in that too.
        if kills < KILLS {
            fs::remove_dir_all(place.path("cache")).unwrap();
        }
    }
    eprintln!("{kills} kills in {finished} runs, {torn} of them with something half written");
}

#[test]
fn a_full_disk_stops_a_run_that_goes_on_when_there_is_room() {
    let place = Place::new();
    let script = r#"
        mount -t tmpfs -o size=8m none disk || exit 77
        "$0" run recipe.toml --data . --offline --cache disk/cache --out disk/run --set student.epochs=60 2> log &
        until grep -q 'student: epoch 2/' log; do sleep 0.01; done
        cat /dev/zero > disk/filler 2> /dev/null
        wait $!
        echo "stopped $?"
        cat log >&2
        rm disk/filler
        "$0" run recipe.toml --data . --offline --cache disk/cache --out disk/run --set student.epochs=60 --resume 2>> log
        echo "resumed $?"
        cp -r disk/run run
    "#;
    fs::create_dir(place.path("disk")).unwrap();
    let mut shell = Command::new("unshare");
    shell.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, DISTILL]);
    let output = shell.current_dir(place.0.path()).output();
    let Some(output) = output.ok().filter(|output| !output.stdout.is_empty()) else {
        eprintln!("skipped: this system lets nobody mount a small disk");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("stopped 1") && said.contains("resumed 0"), "{said}{}", stderr(&output));
    let error = stderr(&output);
    let line = error.lines().find(|line| line.starts_with("error: ")).unwrap();
    assert!(line.contains("disk/run/student") && line.contains("No space left"), "{line}");
    assert!(error.contains("hint: make room, then go on with `--resume`"), "{error}");
    let whole = place.distill("whole", &["--set=student.epochs=60"]).output().unwrap();
    assert_eq!(whole.status.code(), Some(0), "{}", stderr(&whole));
    place.assert_same("whole", "run");
}

#[test]
fn a_second_process_on_the_same_folder_is_refused() {
    let place = Place::new();
    let mut first = Running::start(&place, &["--set=student.epochs=500"]);
    first.until("teacher: epoch 1/");
    let second = place.distill("run", &["--resume"]).output().unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(stderr(&second).contains("another process is running in it"), "{}", stderr(&second));
    assert!(stderr(&second).contains("hint: wait for it"), "{}", stderr(&second));
    first.child.kill().unwrap();
    first.child.wait().unwrap();
    // A killed process holds nothing.
    let third = place.distill("run", &["--resume"]).output().unwrap();
    assert_eq!(third.status.code(), Some(0), "{}", stderr(&third));
}

/// `nohup` and a shell's `trap` ignore SIGHUP before the program starts: it stays ignored, and the run outlives its
/// terminal. Other signals stop it, and SIGHUP too where nobody ignored it.
#[cfg(target_os = "linux")]
#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    let place = Place::new();
    let long = "--set=student.epochs=400";
    let under = |wrapper: &[&str], out: &str| {
        let run = place.distill(out, &[long]);
        let mut command = Command::new(wrapper[0]);
        command.args(&wrapper[1..]).arg(DISTILL).args(run.get_args());
        command.current_dir(place.0.path()).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(Stdio::piped());
        Running::of(command)
    };
    let trap = ["sh", "-c", "trap '' HUP; exec \"$0\" \"$@\""];
    for (wrapper, out) in [(&["nohup"][..], "nohup"), (&trap, "trap")] {
        let mut run = under(wrapper, out);
        run.until("baseline: epoch 2/400 done");
        run.send("HUP");
        run.send("HUP");
        run.until("baseline: epoch 60/400 done");
        run.send("TERM");
        run.until("interrupted in stage `baseline`");
        assert_eq!(run.child.wait().unwrap().code(), Some(130), "{out}");
    }
    if ignores_hangup() {
        eprintln!("skipped: SIGHUP is ignored where this test runs, and so in what it starts");
        return;
    }
    let mut run = under(&["env"], "plain");
    run.until("baseline: epoch 2/400 done");
    run.send("HUP");
    run.until("interrupted in stage `baseline`");
    assert_eq!(run.child.wait().unwrap().code(), Some(130));
}

/// Whether this process ignores SIGHUP; so does what it starts.
#[cfg(target_os = "linux")]
fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.is_some_and(|mask| mask.trim().ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

/// Two cold starts at once: one fills, the other waits and reads.
#[test]
fn two_runs_share_one_cache() {
    let place = Place::new();
    let both = ["one", "two"]
        .map(|out| place.distill(out, &[]).stderr(Stdio::piped()).spawn().unwrap())
        .map(|child| child.wait_with_output().unwrap());
    for output in &both {
        assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    }
    place.assert_same("one", "two");
    let output = place.command(&["cache", "verify", "--cache", "cache"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
}

#[cfg(target_os = "linux")]
#[test]
fn memory_stays_flat() {
    let place = Place::new();
    let mut seen = Vec::new();
    // A leak shows in every process. Allocations that scatter over pages take 2 to 5 MB more in one of several.
    for out in ["one", "two", "three"] {
        let [early, late] = held_kib(&place, out);
        if late <= early + early / 20 {
            return;
        }
        seen.push(format!("{early} KiB after 120 epochs, {late} KiB after 290"));
    }
    panic!("{seen:?}");
}

/// What a process holds around the 110th epoch and, more than a thousand steps on, around the 280th.
#[cfg(target_os = "linux")]
fn held_kib(place: &Place, out: &str) -> [u64; 2] {
    let mut command =
        place.distill(out, &["--set=student.epochs=300", "--set=checkpoint_every=1000"]);
    // Freed memory goes back at once: what the process has is what it holds.
    command.env("MIMALLOC_PURGE_DELAY", "0");
    let mut run = Running::of(command);
    // Batches on their way come and go, so the least of several epochs counts.
    let held = [100..=120, 270..=290].map(|epochs: std::ops::RangeInclusive<usize>| {
        let held = epochs.map(|epoch| {
            run.until(&format!("student: epoch {epoch}/300 done"));
            run.resident_kib()
        });
        held.min().unwrap()
    });
    assert!(run.child.wait().unwrap().success());
    held
}

const DISTILL: &str = env!("CARGO_BIN_EXE_distill");

/// A folder with the recipe and its images.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("recipe.toml"), RECIPE).unwrap();
        let mut rng = KeyedRng::new(1, 0, 0, Operation::Draw);
        for (split, count) in [("train", 40), ("test", 10)] {
            for (class, red) in [("a", 60), ("b", 120), ("c", 180)] {
                let folder = folder.path().join("images").join(split).join(class);
                fs::create_dir_all(&folder).unwrap();
                for index in 0..count {
                    let image = image::RgbImage::from_fn(8, 8, |_, _| {
                        image::Rgb([red + rng.below(70) as u8, rng.below(256) as u8, 9])
                    });
                    image.save(folder.join(format!("{index:02}.png"))).unwrap();
                }
            }
        }
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(DISTILL);
        command.args(arguments).current_dir(self.0.path()).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped()).env_remove("RUST_LOG");
        command
    }

    fn distill(&self, out: &str, more: &[&str]) -> Command {
        let run =
            ["run", "recipe.toml", "--data", ".", "--offline", "--cache", "cache", "--out", out];
        self.command(&[&run[..], more].concat())
    }

    /// The same weights, lines and report; times aside, which no two runs share.
    fn assert_same(&self, one: &str, other: &str) {
        let (a, b) = (self.path(one), self.path(other));
        for stage in ["teacher", "baseline", "student"] {
            assert_eq!(metrics(&a, stage), metrics(&b, stage), "{other}: {stage}");
            for file in ["last.bpk", "selected.bpk"] {
                let [a, b] = [&a, &b].map(|run| bits(&run.join(stage).join(file)));
                assert!(a == b, "{other}: {stage}/{file} differs");
            }
        }
        assert_eq!(timeless_report(&a), timeless_report(&b), "{other}");
        for file in ["student.onnx", "student.safetensors"] {
            let [a, b] = [&a, &b].map(|run| fs::read(run.join("export").join(file)).unwrap());
            assert!(a == b, "{other}: export/{file} differs");
        }
        let left = fs::read_dir(b.join("student")).unwrap().flatten();
        let left: Vec<_> = left
            .map(|entry| entry.file_name())
            .filter(|name| name.to_string_lossy().contains("-00"))
            .collect();
        assert!(left.is_empty() && !half_written(&b), "{other}: {left:?} is left behind");
    }
}

fn timeless_report(run: &Path) -> serde_json::Value {
    let text = fs::read_to_string(run.join("report.json")).unwrap();
    let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
    for stage in ["teacher", "baseline", "student"] {
        let model = report["models"][stage].as_object_mut().unwrap();
        for time in
            ["seconds", "images_per_second", "waiting_seconds", "teacher_seconds", "latency"]
        {
            assert!(model.remove(time).is_some(), "{time}");
        }
    }
    report
}

/// Whether a process left something that it was still writing.
fn half_written(folder: &Path) -> bool {
    let Ok(entries) = fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| {
        entry.file_name().to_string_lossy().starts_with(".writing-")
            || (entry.path().is_dir() && half_written(&entry.path()))
    })
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A run in the background, whose lines are read as they come.
struct Running {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Running {
    fn start(place: &Place, more: &[&str]) -> Self {
        Self::of(place.distill("run", more))
    }

    fn of(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    #[cfg(target_os = "linux")]
    fn send(&self, signal: &str) {
        let process = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", signal, &process]).status().unwrap().success());
    }

    fn until(&mut self, text: &str) {
        let found = self.lines.any(|line| line.unwrap().contains(text));
        assert!(found, "it never said `{text}`");
    }

    /// The memory that the process has.
    #[cfg(target_os = "linux")]
    fn resident_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
