use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context;
use distill_driver::{RunConfig, recipe};

use super::{cache_folder, data_folder, print_report};
use crate::{arguments::RunArguments, backend, output};

pub(crate) fn execute(arguments: RunArguments) -> anyhow::Result<()> {
    let (backend, device) = backend::choose(arguments.device.backend.as_deref())?;
    let (mut recipe, source) = recipe::read(&arguments.recipe, &arguments.settings)?;
    if arguments.cache.is_some() {
        recipe.cache.get_or_insert_default();
    }
    let seed = arguments.seed.unwrap_or(recipe.seed);
    let recipe = recipe::Resolved::new(recipe, &source)?;
    let name = &recipe.recipe.name;
    let default_out = || PathBuf::from(format!("runs/{name}-{}-seed{seed}", backend.name));
    let out = arguments.out.unwrap_or_else(default_out);

    let mut progress = output::Progress::new();
    progress.line(&format!(
        "recipe {name}, seed {seed}, backend {}, folder {}",
        backend.name,
        out.display()
    ));
    progress.line(&format!("objective: {}", recipe.objective().formula()));
    let config = RunConfig {
        recipe,
        seed,
        out,
        data: data_folder(&arguments.data)?,
        offline: arguments.data.offline,
        resume: arguments.resume,
        backend: backend.name.to_owned(),
        device,
        cache: cache_folder(arguments.cache.as_deref())?,
        workers: arguments.workers.into(),
    };
    let interrupt = stop_on_signal()?;
    let report = distill_driver::run(&config, &mut progress, &interrupt);
    progress.finish();
    print_report(&report?, arguments.json);
    Ok(())
}

/// The first Ctrl-C asks the run to save and stop; the second one ends the process.
fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let interrupt = Arc::new(AtomicBool::new(false));
    let asked = interrupt.clone();
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::Relaxed) {
            output::note("stopped at once, without saving");
            std::process::exit(1);
        }
        output::note("stopping after this step; once more stops at once, without saving");
    })
    .context("the handler of Ctrl-C cannot be set")?;
    Ok(interrupt)
}
