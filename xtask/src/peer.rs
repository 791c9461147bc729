//! The comparison with PyTorch: the same networks, batch, loss, optimizer and threads, in alternation.

use std::{fs, path::PathBuf, process::Command};

use anyhow::ensure;

use crate::{
    cargo, distill, python,
    side::{Case, Side, cell, measure},
};

const PACKAGES: [&str; 3] = ["torch", "torchvision", "numpy"];

/// On the CPU: a batch is the tutorial's.
const ON_CPU: [&str; 7] = [
    "train vgg-small",
    "forward vgg-small",
    "train vgg-large",
    "forward vgg-large",
    "train resnet20",
    "train resnet56",
    "train wrn-16-2",
];
/// On a GPU: the tutorial's three stages, with batches that it cannot fill and can.
const ON_GPU: [&str; 3] = ["train vgg-large", "train vgg-small", "distill vgg-large vgg-small"];
const GPU_BATCHES: [usize; 2] = [64, 1024];

/// How long the comparison takes, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Rounds {
    /// Rounds of the comparison with a peer
    #[arg(long, default_value_t = 7, requires = "peer")]
    pub(crate) rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 1.0, requires = "peer")]
    pub(crate) seconds: f64,
    /// Threads of each side
    #[arg(long, default_value_t = 2, requires = "peer")]
    pub(crate) threads: usize,
    /// Backend of ours: flex, or a GPU's, where PyTorch takes its CUDA device
    #[arg(long, default_value = "flex", requires = "peer")]
    pub(crate) backend: String,
}

/// Prints a table in Markdown: images a second of each side, and how many times as fast ours is.
pub(crate) fn run(filter: Option<&str>, rounds: &Rounds) -> anyhow::Result<()> {
    ensure!(rounds.rounds > 0 && rounds.seconds > 0.0, "expected at least one round, of some time");
    let python = python::environment(&cargo::target_folder()?.join("interop"), &PACKAGES)?;
    let mut build = distill::build_arguments(&rounds.backend);
    build.extend(["--package", "distill-benches", "--bin", "peer"].map(str::to_owned));
    cargo::run(cargo::cargo().args(build))?;
    let programs = Programs {
        ours: cargo::target_folder()?.join("release/peer"),
        python,
        script: cargo::root().join("benches/peer/peer.py"),
        threads: rounds.threads.to_string(),
        backend: rounds.backend.clone(),
    };
    match rounds.backend.as_str() {
        "flex" => on_cpu(&programs, filter, rounds),
        _ => on_gpu(&programs, filter, rounds),
    }
}

/// How both sides are called.
struct Programs {
    ours: PathBuf,
    python: PathBuf,
    script: PathBuf,
    threads: String,
    backend: String,
}

impl Programs {
    fn ours(&self, precision: &str) -> Command {
        let mut command = Command::new(&self.ours);
        command.args([&self.threads, &self.backend, precision]);
        command
    }

    /// In `f32`, with AVX2 where there is AVX-512 too.
    fn ours_with_avx2(&self) -> Command {
        let mut command = self.ours("f32");
        command.env("DISTILL_CPU", "avx2");
        command
    }

    /// `how` is `eager` or `compiled`.
    fn theirs(&self, layout: &str, precision: &str, how: &str) -> Command {
        let device = if self.backend == "flex" { "cpu" } else { "cuda" };
        let mut command = Command::new(&self.python);
        command.arg(&self.script).args([&self.threads, device, layout, precision, how]);
        command
    }
}

fn on_cpu(programs: &Programs, filter: Option<&str>, rounds: &Rounds) -> anyhow::Result<()> {
    let commands: [(&str, &dyn Fn() -> Command); 6] = [
        ("ours", &|| programs.ours("f32")),
        ("ours, AVX2", &|| programs.ours_with_avx2()),
        ("NCHW f32", &|| programs.theirs("nchw", "f32", "eager")),
        ("channels_last f32", &|| programs.theirs("channels_last", "f32", "eager")),
        ("NCHW bf16", &|| programs.theirs("nchw", "bf16", "eager")),
        ("channels_last bf16", &|| programs.theirs("channels_last", "bf16", "eager")),
    ];
    let start =
        |(name, command): &(&'static str, &dyn Fn() -> Command)| Side::start(name, command());
    let mut sides = commands.iter().map(start).collect::<anyhow::Result<Vec<_>>>()?;
    let cases: Vec<Case> = ON_CPU
        .into_iter()
        .filter(|case| filter.is_none_or(|filter| case.contains(filter)))
        .map(|what| Case { what, batch: 64 })
        .collect();

    let path = sides[0].ask("path")?;
    let version = sides[2].ask("version")?;
    println!("{}; path `{path}`, PyTorch {version}, {} threads,", machine(), rounds.threads);
    println!("batch 64, {} rounds of {} s a side\n", rounds.rounds, rounds.seconds);
    let names = commands.map(|(name, _)| name).join(" | ");
    println!("| case | {names} |");
    println!("|---|{}", "---|".repeat(commands.len()));
    for case in &cases {
        let rates = measure(&mut sides, case, rounds.rounds, rounds.seconds)?;
        let cells: Vec<String> = rates.iter().map(|rate| cell(&rates[0], rate)).collect();
        println!("| {} | {} |", case.what, cells.join(" | "));
    }

    drop(sides);
    println!("\n| peak resident set, MB | {names} |");
    println!("|---|{}", "---|".repeat(commands.len()));
    for case in &cases {
        let peaks = commands.iter().map(|command| {
            let mut side = start(command)?;
            side.ask(&format!("{case} 8"))?;
            Ok(format!("{:.0}", side.number("memory")? / 1e6))
        });
        let peaks = peaks.collect::<anyhow::Result<Vec<_>>>()?;
        println!("| {} | {} |", case.what, peaks.join(" | "));
    }
    Ok(())
}

/// Like with like: in each row all sides compute in the same precision, PyTorch in the layout that is the faster one
/// for it.
fn on_gpu(programs: &Programs, filter: Option<&str>, rounds: &Rounds) -> anyhow::Result<()> {
    // Burn 0.22 multiplies single precision as TF32 on CUDA, and has no switch for it: its rate is `tf32`'s.
    let precisions = [("f32", "nchw"), ("tf32", "nchw"), ("bf16", "channels_last")];
    println!(
        "backend {}, {} rounds of {} s a side\n",
        rounds.backend, rounds.rounds, rounds.seconds
    );
    println!("| case | batch | precision | ours | PyTorch, eager | PyTorch, compiled |");
    println!("|---|---|---|---|---|---|");
    for (precision, layout) in precisions {
        let mut sides = vec![
            Side::start("ours", programs.ours(precision))?,
            Side::start("eager", programs.theirs(layout, precision, "eager"))?,
            Side::start("compiled", programs.theirs(layout, precision, "compiled"))?,
        ];
        let cases = ON_GPU.iter().filter(|case| filter.is_none_or(|filter| case.contains(filter)));
        for (what, batch) in cases.flat_map(|what| GPU_BATCHES.map(|batch| (*what, batch))) {
            let rates = measure(&mut sides, &Case { what, batch }, rounds.rounds, rounds.seconds)?;
            let cells: Vec<String> = rates.iter().map(|rate| cell(&rates[0], rate)).collect();
            println!("| {what} | {batch} | {precision} | {} |", cells.join(" | "));
        }
    }
    Ok(())
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
