//! The training loop's first losses, from the same weights and images: teacher, baseline and student; the same run
//! again, and in half precision.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::Context as _;
use burn::tensor::{Device, FloatDType};
use distill_backends::{BACKENDS, Backend};
use distill_driver::{
    Capabilities, DriverError, Event, Observer, RunConfig,
    metrics::Line,
    recipe::{self, Plan},
    run as run_recipe,
    training::Precision,
};

use crate::{Context, item::Item};

const STEPS: usize = 20;

/// Small networks, 160 images, twenty steps, each with its losses.
const SETTINGS: [&str; 10] = [
    "data.train=160",
    "data.validation=32",
    "teacher.blocks=[[8], [8]]",
    "teacher.dropout=0.0",
    "teacher.epochs=4",
    "student.blocks=[[4], [4]]",
    "student.epochs=4",
    "optimizer.batch=32",
    "optimizer.learning_rate=1e-3",
    "log_every=1",
];

pub(crate) fn run(context: &Context) -> anyhow::Result<Vec<Item>> {
    let Context { device, flex, backend, .. } = context;
    let of_cpu = BACKENDS.iter().find(|backend| backend.name == "flex").context("flex")?;
    let folder = tempfile::tempdir()?;
    let teacher = folder.path().join("flex/teacher/selected.bpk");
    let of_flex = losses(&folder.path().join("flex"), flex, of_cpu, None, Precision::F32)?;
    // Both students have one teacher: two that were trained apart have drifted apart.
    let ours = losses(&folder.path().join("ours"), device, backend, None, Precision::F32)?;
    let taught =
        losses(&folder.path().join("taught"), device, backend, Some(&teacher), Precision::F32)?;
    let mut items = Vec::new();
    for (name, ours, expected) in [
        ("teacher", &ours[0], &of_flex[0]),
        ("baseline", &ours[1], &of_flex[1]),
        ("student", &taught[2], &of_flex[2]),
    ] {
        items.push(Item::of(format!("twenty losses of the {name}"), ours, expected, 1e-3));
    }

    let again = losses(&folder.path().join("again"), device, backend, None, Precision::F32)?;
    // On the CPU a sum is cut by the shapes alone.
    let allowed = if backend.capabilities.host_memory { 0.0 } else { 1e-3 };
    let name = "twenty losses of teacher, baseline and student, run again";
    items.push(Item::of(name, &again.concat(), &ours.concat(), allowed));

    for precision in Precision::of_device(capabilities(backend), device) {
        if precision.dtype() == FloatDType::F32 {
            continue;
        }
        let name = precision.name();
        let half = losses(&folder.path().join(name), device, backend, None, precision)?;
        let name = format!("twenty losses of the baseline in {name}, beside f32 on flex");
        items.push(Item::of(name, &half[1], &of_flex[1], 5e-2));
    }
    Ok(items)
}

/// What a backend can do, as the driver takes it.
fn capabilities(backend: &Backend) -> Capabilities {
    let can = backend.capabilities;
    Capabilities {
        host_memory: can.host_memory,
        tf32: can.tf32,
        fused_norm: can.fused_norm,
        free_memory: Some(can.free_memory),
        free_host_memory: Some(distill_backends::free_host_memory),
    }
}

/// Stops a run when its stages are made: five thousand test images take minutes in software.
struct BeforeEvaluation<'a>(&'a AtomicBool);

impl Observer for BeforeEvaluation<'_> {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Evaluating { .. } = event {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

/// The losses of teacher, baseline and student; none of a teacher that is given.
fn losses(
    out: &Path,
    device: &Device,
    backend: &Backend,
    teacher: Option<&Path>,
    precision: Precision,
) -> anyhow::Result<Vec<Vec<f64>>> {
    let mut settings = SETTINGS.map(str::to_owned).to_vec();
    settings.push(format!("optimizer.precision={}", precision.name()));
    if let Some(teacher) = teacher {
        settings.retain(|setting| setting != "teacher.epochs=4");
        settings.push("teacher.epochs=0".to_owned());
        settings.push(format!("teacher.weights={}", teacher.display()));
    }
    let (recipe, source) = recipe::read("digits", &settings)?;
    let config = RunConfig {
        recipe: Plan::new(recipe, &source)?,
        seed: 7,
        out: out.to_owned(),
        data: out.join("no-data"),
        offline: true,
        resume: false,
        backend: backend.name.to_owned(),
        capabilities: capabilities(backend),
        device: device.clone(),
        cache: out.join("cache"),
        workers: 1,
        reuse: Vec::new(),
        decoded: None,
    };
    let stop = AtomicBool::new(false);
    match run_recipe(&config, &mut BeforeEvaluation(&stop), &stop) {
        Err(DriverError::Interrupted { .. }) if stop.load(Ordering::Relaxed) => {}
        other => anyhow::bail!("the run did not get to its evaluation: {:?}", other.err()),
    }
    ["teacher", "baseline", "student"].iter().map(|stage| of_stage(&out.join(stage))).collect()
}

fn of_stage(folder: &Path) -> anyhow::Result<Vec<f64>> {
    let path = folder.join("metrics.jsonl");
    let Ok(text) = fs::read_to_string(&path) else { return Ok(Vec::new()) };
    let mut losses = Vec::new();
    for line in text.lines() {
        if let Line::Steps(steps) = serde_json::from_str(line).context("a line of metrics")? {
            losses.push(steps.loss);
        }
    }
    losses.truncate(STEPS);
    anyhow::ensure!(losses.len() == STEPS, "{}: {} steps", path.display(), losses.len());
    Ok(losses)
}
