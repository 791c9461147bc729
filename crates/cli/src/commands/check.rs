//! `distill check`: all that shows before anything runs.

use distill_driver::{DataForecast, Forecast, evaluation::TeacherSignal, forecast, recipe::Recipe};
use schemars::JsonSchema;
use serde::Serialize;

use super::{SCHEMA, print_json, run, signals};
use crate::{
    arguments::RunArguments,
    output::{self, Table, duration, megabytes, thousands},
};

/// `check`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Checked<'a> {
    /// Version of this layout: 1.
    schema: u32,
    /// The recipe with all defaults.
    recipe: &'a Recipe,
    /// Seeds of several runs; none of a single one. Seconds and bytes are those of one run.
    seeds: Vec<u64>,
    #[serde(flatten)]
    forecast: Forecast,
}

pub(crate) fn execute(arguments: &RunArguments) -> anyhow::Result<()> {
    let run::Configured { config, seeds } = run::configure(arguments)?;
    let interrupt = signals::stop_on_signal()?;
    let mut progress = output::Progress::new();
    let forecast = forecast(&config, &mut progress, &interrupt);
    progress.finish();
    let forecast = forecast?;
    if arguments.json {
        let recipe = config.recipe.whole();
        return print_json(&Checked { schema: SCHEMA, recipe: &recipe, seeds, forecast });
    }
    output::result(toml::to_string(&config.recipe.whole()).expect("a recipe serialises"));
    output::prose(&data(&forecast.data));
    output::result(table(&forecast));
    output::prose(&summary(&forecast, seeds.len().max(1)));
    Ok(())
}

/// Classes whose numbers have a line each.
const CLASSES: usize = 20;

/// Images of each split and class, and the sizes that were met.
fn data(data: &DataForecast) -> String {
    let mut header = vec!["images".to_owned(), "all".to_owned()];
    let listed = data.classes.len() <= CLASSES;
    match listed {
        true => header.extend(data.classes.iter().cloned()),
        false => header.extend(["fewest of a class", "most of a class"].map(str::to_owned)),
    }
    let mut table = Table::new(header).numbers_from(1);
    for split in &data.splits {
        let mut row = vec![split.split.to_owned(), thousands(split.images as u64)];
        let of_classes = split.per_class.iter().copied();
        match listed {
            true => row.extend(of_classes.map(|images| thousands(images as u64))),
            false => row.extend(
                [of_classes.clone().min(), of_classes.max()]
                    .map(|images| thousands(images.unwrap_or(0) as u64)),
            ),
        }
        table.row(row);
    }
    let mut text = table.to_string();
    let Some(summary) = &data.summary else { return text };
    let sizes = &summary.sizes;
    let common = sizes.iter().max_by_key(|(_, images)| **images);
    let area = |[width, height]: &[u32; 2]| u64::from(*width) * u64::from(*height);
    let smallest = sizes.keys().min_by_key(|size| area(size));
    let largest = sizes.keys().max_by_key(|size| area(size));
    if let (Some(([w, h], images)), Some(small), Some(large)) = (common, smallest, largest) {
        text += &format!(
            "\nsizes: {} of them, {}x{} to {}x{} pixels (width x height), most often {w}x{h} ({images} images)",
            sizes.len(),
            small[0],
            small[1],
            large[0],
            large[1]
        );
    }
    for note in summary.notes() {
        text += &format!("\n{note}");
    }
    text
}

fn table(forecast: &Forecast) -> Table {
    let header =
        ["model", "network", "parameters", "MACs", "epochs", "images", "images/s", "training"];
    let mut table = Table::new(header).numbers_from(2);
    for of in &forecast.stages {
        let if_trained = |text: String| if of.epochs > 0 { text } else { "-".to_owned() };
        table.row([
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
         is now.{}{}",
        forecast.formula,
        duration(forecast.seconds),
        duration(forecast.evaluation_seconds),
        megabytes(forecast.disk),
        forecast.teacher.as_ref().map_or_else(String::new, teacher),
        output::remarks("Why distillation may not gain from it", &forecast.remarks),
    )
}

/// What a given teacher says of training images.
fn teacher(signal: &TeacherSignal) -> String {
    let TeacherSignal { images, top1, confidence, temperature, entropy, .. } = signal;
    format!(
        "\nThe teacher is right on {:.2} % of {images} training images and gives its class a probability of {:.2} % on \
         average; at T = {temperature} its soft targets have an entropy of {entropy:.3} of {:.3} nats.",
        100.0 * top1,
        100.0 * confidence,
        signal.largest_entropy,
    )
}
