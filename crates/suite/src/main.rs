#![doc = include_str!("../README.md")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool prints")]

mod checkpoints;
mod item;
mod models;
mod objectives;
mod optimizers;
mod training;

use std::{process::ExitCode, time::Instant};

use anyhow::{Context as _, bail};
use burn::tensor::Device;
use clap::Parser;
use distill_backends::{BACKENDS, Backend, pin_default_device};

use item::{Item, table};

/// Compare backends with flex and with golden files
#[derive(Debug, Parser)]
struct Arguments {
    /// Backends to compare, of those compiled in [default: all that find a device]
    backends: Vec<String>,
    /// Skip backends that find no device
    #[arg(long)]
    skip_missing: bool,
    /// Of each family of networks the smallest alone
    #[arg(long)]
    families: bool,
    /// Run these parts alone
    #[arg(long, value_name = "PART,PART", value_delimiter = ',', value_parser = PARTS.map(|(name, _)| name))]
    parts: Vec<String>,
}

/// What a part of the suite runs on.
struct Context {
    backend: &'static Backend,
    device: Device,
    /// What it is compared with.
    flex: Device,
    families: bool,
    started: Instant,
}

impl Context {
    /// Says what is done: in software a GPU backend takes a third of a second for each kernel that it compiles.
    fn done(&self, what: &str) {
        eprintln!("{}: {what}, {:.0} s", self.backend.name, self.started.elapsed().as_secs_f64());
    }
}

type Part = fn(&Context) -> anyhow::Result<Vec<Item>>;

const PARTS: [(&str, Part); 5] = [
    ("objectives", objectives::run),
    ("networks", models::run),
    ("optimizers", optimizers::run),
    ("training", training::run),
    ("checkpoints", checkpoints::run),
];

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // What Burn loads goes through its default device first: with this one, on every machine.
    pin_default_device("flex")?;
    let mut columns = Vec::new();
    for backend in chosen(&arguments)? {
        let context = Context {
            backend,
            device: backend.device.expect("it is compiled in")(),
            flex: Device::flex(),
            families: arguments.families,
            started: Instant::now(),
        };
        let mut items = Vec::new();
        for (name, part) in PARTS {
            if arguments.parts.is_empty() || arguments.parts.iter().any(|asked| asked == name) {
                items.extend(part(&context)?);
                context.done(name);
            }
        }
        columns.push((backend.name, items));
    }
    println!("{}", table(&columns));
    let mut code = ExitCode::SUCCESS;
    for (backend, items) in &columns {
        for item in items.iter().filter(|item| !item.is_good()) {
            let Item { name, off, allowed } = item;
            eprintln!("{backend}: {name}: off by {off:.1e}, expected at most {allowed:.1e}");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

fn chosen(arguments: &Arguments) -> anyhow::Result<Vec<&'static Backend>> {
    let compiled = || BACKENDS.iter().filter(|backend| backend.device.is_some());
    if arguments.backends.is_empty() {
        return Ok(compiled().filter(|backend| backend.has_device()).collect());
    }
    let mut chosen = Vec::new();
    for name in &arguments.backends {
        let backend = compiled().find(|backend| backend.name == name).with_context(|| {
            let known: Vec<&str> = compiled().map(|backend| backend.name).collect();
            format!("the backend `{name}` is not compiled in, expected one of {known:?}")
        })?;
        match backend.has_device() {
            true => chosen.push(backend),
            false if arguments.skip_missing => eprintln!("skipped: `{name}` finds no device"),
            false => {
                bail!("the backend `{name}` finds no device, expected {}", backend.description)
            }
        }
    }
    Ok(chosen)
}
