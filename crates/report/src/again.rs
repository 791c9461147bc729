//! How to run it again, and with what it was run.

use maud::{Markup, html};

use crate::{
    figures::{duration, thousands},
    finished::Finished,
};

pub(crate) fn section(run: &Finished) -> Markup {
    let (record, dataset) = (&run.record, &run.report.dataset);
    let models = &run.report.models;
    let seconds: f64 =
        [&models.teacher, &models.baseline, &models.student].map(|m| m.seconds).iter().sum();
    let facts = [
        ("distill", record.version.clone()),
        ("Burn", record.burn.clone()),
        ("Backend", format!("{} ({})", record.backend, record.device)),
        (
            "Machine",
            format!("{}, {}, {} cores", record.host.os, record.host.arch, record.host.cores),
        ),
        ("Seed", record.seed.to_string()),
        (
            "Dataset",
            format!(
                "{}: {} training, {} validation and {} test images of {} classes",
                dataset.name,
                thousands(dataset.train as u64),
                thousands(dataset.validation as u64),
                thousands(dataset.test as u64),
                dataset.classes
            ),
        ),
        ("sha256 of the data", dataset.sha256.clone()),
        ("Training, all three", duration(seconds)),
    ];
    html! {
        section aria-labelledby="again" {
            h2 id="again" { "Run it again" }
            p { "The recipe below and the seed determine the run on one backend. It lies in the run's folder as "
                code { "recipe.toml" } ":" }
            pre { code {
                "distill run recipe.toml --backend " (record.backend) " --seed " (record.seed) " --out again"
            } }
            dl { @for (name, value) in facts { dt { (name) } dd { (value) } } }
            details {
                summary { "The recipe" }
                pre { code { (run.recipe) } }
            }
        }
    }
}
