//! `distill check`: all that shows before anything runs.

use distill_driver::{Forecast, forecast};

use super::{print_json, run};
use crate::{
    arguments::RunArguments,
    output::{self, duration, megabytes, thousands},
};

pub(crate) fn execute(arguments: &RunArguments) -> anyhow::Result<()> {
    let run::Configured { config, seeds } = run::configure(arguments)?;
    let interrupt = run::stop_on_signal()?;
    let mut progress = output::Progress::new();
    let forecast = forecast(&config, &mut progress, &interrupt);
    progress.finish();
    let forecast = forecast?;
    if arguments.json {
        print_json(&forecast);
        return Ok(());
    }
    output::result(toml::to_string(&config.recipe.whole()).expect("a recipe serialises"));
    output::result(table(&forecast));
    output::result(summary(&forecast, seeds.len().max(1)));
    Ok(())
}

fn table(forecast: &Forecast) -> comfy_table::Table {
    let header =
        ["model", "network", "parameters", "MACs", "epochs", "images", "images/s", "training"];
    let mut table = output::plain_table(&header);
    for of in &forecast.stages {
        let if_trained = |text: String| if of.epochs > 0 { text } else { "-".to_owned() };
        table.add_row([
            of.stage.name().to_owned(),
            of.architecture.clone(),
            thousands(of.parameters),
            thousands(of.macs),
            if_trained(of.epochs.to_string()),
            if_trained(thousands(of.images as u64)),
            of.images_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
            if_trained(duration(of.seconds)),
        ]);
    }
    output::right_align_from(&mut table, 2);
    table
}

fn summary(forecast: &Forecast, runs: usize) -> String {
    let memory = forecast.memory.map_or_else(|| "-".to_owned(), megabytes);
    let several = match runs {
        1 => String::new(),
        _ => format!(", {} for {runs} seeds", duration(forecast.seconds * runs as f64)),
    };
    format!(
        "objective: {}\n\
         time: about {}{several}, of which {} evaluate\n\
         memory: about {memory}\n\
         disk: at most {} for weights and checkpoints\n\
         The recipe is in order. The times were measured on a few batches of each stage, on this machine as busy as it \
         is now.",
        forecast.formula,
        duration(forecast.seconds),
        duration(forecast.evaluation_seconds),
        megabytes(forecast.disk),
    )
}
