//! `distill run`: a recipe from data to report.

use std::{path::PathBuf, sync::atomic::AtomicBool};

use distill_backends::Backend;
use distill_driver::{Capabilities, Comparison, Report, RunConfig, RunRecord, recipe};

use super::{
    cache_folder, compare, data_folder, decoded_folder, print_report, signals, watched::Watched,
};
use crate::{arguments::RunArguments, output};

pub(crate) fn execute(arguments: &RunArguments) -> anyhow::Result<()> {
    let Configured { config, seeds } = configure(arguments)?;
    let interrupt = signals::stop_on_signal()?;
    if seeds.is_empty() {
        return print_report(&run(&config, &interrupt)?, arguments.json);
    }
    let mut runs = Vec::new();
    for seed in seeds {
        let folder = config.out.join(format!("seed{seed}"));
        run(&RunConfig { seed, out: folder.clone(), ..config.clone() }, &interrupt)?;
        runs.push(folder);
    }
    let comparison = Comparison::of(&runs)?;
    comparison.write(&config.out.join("comparison.json"))?;
    let page = config.out.join("comparison.html");
    distill_report::write_comparison(&comparison, &page)?;
    output::note(&format!("report: {}", page.display()));
    compare::print(&comparison, arguments.json)
}

/// What the command line asks for.
pub(crate) struct Configured {
    /// The run, or the first one.
    pub(crate) config: RunConfig,
    /// Seeds of several runs, in folders below the first one's; none for a single run.
    pub(crate) seeds: Vec<u64>,
}

pub(crate) fn configure(arguments: &RunArguments) -> anyhow::Result<Configured> {
    let (backend, device) = distill_backends::choose(arguments.device.backend.as_deref())?;
    let (mut recipe, source) = recipe::read(&arguments.recipe, &settings(arguments))?;
    if arguments.cache.is_some() {
        recipe.cache.get_or_insert_default();
    }
    if !arguments.seeds.is_empty() {
        recipe.seeds.clone_from(&arguments.seeds);
    }
    let several = recipe.seeds.len() > 1 && arguments.seed.is_none();
    let first = recipe.seeds.first().copied().unwrap_or(recipe.seed);
    let seed = arguments.seed.unwrap_or(first);
    let recipe = recipe::Plan::new(recipe, &source)?;
    let name = &recipe.recipe.name;
    let default_out = match several {
        true => PathBuf::from(format!("runs/{name}-{}", backend.name)),
        false => PathBuf::from(format!("runs/{name}-{}-seed{seed}", backend.name)),
    };
    let cache = match recipe.recipe.cache {
        Some(_) => cache_folder(arguments.cache.as_deref())?,
        None => PathBuf::new(),
    };
    // A name that is mistyped would cost the hours that it was to save.
    for run in &arguments.reuse {
        RunRecord::of_run(run)?;
    }
    let seeds = if several { recipe.recipe.seeds.clone() } else { Vec::new() };
    let config = RunConfig {
        recipe,
        seed,
        out: arguments.out.clone().unwrap_or(default_out),
        data: data_folder(&arguments.data)?,
        offline: arguments.data.offline,
        resume: arguments.resume,
        backend: backend.name.to_owned(),
        capabilities: capabilities(backend),
        device,
        cache,
        workers: arguments.workers.into(),
        reuse: arguments.reuse.clone(),
        decoded: decoded_folder(),
    };
    Ok(Configured { config, seeds })
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

/// What is put over the recipe, as `--set` takes it.
pub(crate) fn settings(arguments: &RunArguments) -> Vec<String> {
    let accumulate = arguments.accumulate.map(|parts| format!("optimizer.accumulate={parts}"));
    let precision = arguments.precision.as_ref().map(|name| format!("optimizer.precision={name}"));
    arguments.settings.iter().cloned().chain(accumulate).chain(precision).collect()
}

pub(crate) fn run(config: &RunConfig, interrupt: &AtomicBool) -> anyhow::Result<Report> {
    let RunConfig { recipe, seed, backend, out, .. } = config;
    let mut watched = Watched::new(out);
    let (name, folder) = (&recipe.recipe.name, out.display());
    let line = format!("recipe {name}, seed {seed}, backend {backend}, folder {folder}");
    watched.progress.line(&line);
    watched.progress.line(&format!("objective: {}", recipe.objective().formula()));
    let report = distill_driver::run(config, &mut watched, interrupt)?;
    watched.finish(out, &report)?;
    Ok(report)
}
