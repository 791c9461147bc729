//! The comparison with PyTorch: the same networks, batch, loss, optimizer and threads, in alternation.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, ensure};

use crate::{cargo, distill, python};

const PACKAGES: [&str; 3] = ["torch", "torchvision", "numpy"];

/// What is measured, and on what.
const CASES: [&str; 6] = [
    "train vgg-small",
    "forward vgg-small",
    "forward vgg-large",
    "train resnet20",
    "train resnet56",
    "train wrn-16-2",
];

/// Images of a step, on both sides.
const BATCH: f64 = 64.0;
/// Threads of one side go on looking for work for a while after a step; the next side waits for them.
const PAUSE: Duration = Duration::from_millis(300);

/// How long the comparison takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Rounds {
    /// Rounds of the comparison with a peer
    #[arg(long, default_value_t = 7, requires = "peer")]
    rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 1.0, requires = "peer")]
    seconds: f64,
    /// Threads of each side
    #[arg(long, default_value_t = 2, requires = "peer")]
    threads: usize,
}

/// Prints a table in Markdown: images a second of each side, and how many times as fast ours is.
pub(crate) fn run(filter: Option<&str>, rounds: &Rounds) -> anyhow::Result<()> {
    ensure!(rounds.rounds > 0 && rounds.seconds > 0.0, "expected at least one round, of some time");
    let python = python::environment(&cargo::target_folder()?.join("interop"), &PACKAGES)?;
    let mut build = distill::build_arguments("flex");
    build.extend(["--bin".to_owned(), "peer".to_owned()]);
    cargo::run(cargo::cargo().args(build))?;

    let ours = cargo::target_folder()?.join("release/peer");
    let script = cargo::root().join("benches/peer/peer.py");
    let threads = rounds.threads.to_string();
    let start_ours = |path: Option<&str>| {
        let mut command = Command::new(&ours);
        command.arg(&threads).envs(path.map(|path| ("DISTILL_CPU", path)));
        command
    };
    let start_theirs = |layout: &str, precision: &str| {
        let mut command = Command::new(&python);
        command.arg(&script).args([&threads, layout, precision]);
        command
    };
    let commands: [(&str, &dyn Fn() -> Command); 6] = [
        ("ours", &|| start_ours(None)),
        ("ours, AVX2", &|| start_ours(Some("avx2"))),
        ("NCHW f32", &|| start_theirs("nchw", "f32")),
        ("channels_last f32", &|| start_theirs("channels_last", "f32")),
        ("NCHW bf16", &|| start_theirs("nchw", "bf16")),
        ("channels_last bf16", &|| start_theirs("channels_last", "bf16")),
    ];
    let start =
        |(name, command): &(&'static str, &dyn Fn() -> Command)| Side::start(name, command());
    let mut sides = commands.iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;

    let path = sides[0].ask("path")?;
    let version = sides[2].ask("version")?;
    println!("{}; path `{path}`, PyTorch {version}, {threads} threads,", machine());
    println!("batch 64, {} rounds of {} s a side\n", rounds.rounds, rounds.seconds);
    println!("| case | {} |", commands.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---|".repeat(commands.len()));
    for case in CASES.iter().filter(|case| filter.is_none_or(|filter| case.contains(filter))) {
        let rates = measure(&mut sides, case, rounds)?;
        let cells: Vec<String> = rates.iter().map(|rate| cell(&rates[0], rate)).collect();
        println!("| {case} | {} |", cells.join(" | "));
    }

    drop(sides);
    println!("\n| peak resident set, MB | {} |", commands.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---|".repeat(commands.len()));
    for case in CASES.iter().filter(|case| filter.is_none_or(|filter| case.contains(filter))) {
        let peaks = commands.iter().map(|command| {
            let mut side = start(command)?;
            side.ask(&format!("{case} 8"))?;
            Ok(format!("{:.0}", side.number("memory")? / 1e6))
        });
        println!("| {case} | {} |", peaks.collect::<anyhow::Result<Vec<_>>>()?.join(" | "));
    }
    Ok(())
}

/// Images a second of each side, round by round.
fn measure(sides: &mut [Side], case: &str, rounds: &Rounds) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut steps = Vec::new();
    for side in sides.iter_mut() {
        side.ask(&format!("{case} 2"))?;
        let rate = side.number(&format!("{case} 2"))?;
        steps.push(((rate / BATCH * rounds.seconds) as usize).max(2));
    }
    let mut rates = vec![Vec::new(); sides.len()];
    for _ in 0..rounds.rounds {
        for ((side, steps), rates) in sides.iter_mut().zip(&steps).zip(&mut rates) {
            sleep(PAUSE);
            rates.push(side.number(&format!("{case} {steps}"))?);
        }
    }
    Ok(rates)
}

/// The median of a side, and of ours over it the median, smallest and largest of the rounds.
fn cell(ours: &[f64], side: &[f64]) -> String {
    let rate = median(side.to_vec());
    if std::ptr::eq(ours, side) {
        return format!("{rate:.0}");
    }
    let ratios: Vec<f64> = ours.iter().zip(side).map(|(ours, side)| ours / side).collect();
    let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
    let most = ratios.iter().copied().fold(0.0, f64::max);
    format!("{rate:.0}: **{:.2}** ({least:.2} to {most:.2})", median(ratios))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len() % 2 == 1 { values[half] } else { (values[half - 1] + values[half]) / 2.0 }
}

/// The processor, as Linux names it.
fn machine() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, value)| value)
    };
    let (family, model) = (field("cpu family"), field("model\t"));
    format!("{} (family {family}, model {model})", field("model name"))
}

/// A program that answers a line with a line.
struct Side {
    name: &'static str,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Side {
    fn start(name: &'static str, mut command: Command) -> anyhow::Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{name} cannot be started"))?;
        let questions = child.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        Ok(Self { name, child, questions, answers })
    }

    fn ask(&mut self, question: &str) -> anyhow::Result<String> {
        writeln!(self.questions, "{question}").with_context(|| format!("{} ended", self.name))?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        ensure!(!answer.is_empty(), "{} ended at `{question}`: see above", self.name);
        Ok(answer.trim().to_owned())
    }

    fn number(&mut self, question: &str) -> anyhow::Result<f64> {
        let answer = self.ask(question)?;
        answer.parse().with_context(|| format!("{} answers `{answer}`", self.name))
    }
}

impl Drop for Side {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_round_by_round() {
        let ours = [100.0, 200.0, 300.0];
        assert_eq!(cell(&ours, &ours), "200");
        assert_eq!(cell(&ours, &[50.0, 50.0, 100.0]), "50: **3.00** (2.00 to 4.00)");
    }
}
