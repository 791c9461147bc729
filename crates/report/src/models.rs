//! The three networks side by side.

use distill_driver::ModelReport;
use maud::{Markup, html};

use crate::{
    figures::{duration, mebibytes, percent, thousands},
    finished::Finished,
    missing,
};

/// What a row says of a network.
type Value<'a> = &'a dyn Fn(&ModelReport) -> String;

pub(crate) fn section(run: &Finished) -> Markup {
    let models = &run.report.models;
    let three = [&models.teacher, &models.baseline, &models.student];
    let optional = |value: Option<String>| value.unwrap_or_else(|| "–".to_owned());
    let rows: [(&str, Value); 19] = [
        ("Network", &|m| m.architecture.clone()),
        ("Top-1 after the last epoch", &|m| percent(m.test.last.top1)),
        ("Top-1 of the selected epoch", &|m| percent(m.test.selected.top1)),
        ("Balanced accuracy", &|m| optional(m.test.last.balanced_accuracy.map(percent))),
        ("Macro F1", &|m| optional(m.test.last.macro_f1.map(|f1| format!("{f1:.4}")))),
        ("Errors", &|m| thousands(m.test.last.errors as u64)),
        ("NLL, nats", &|m| format!("{:.4}", m.test.last.nll)),
        ("Brier score", &|m| format!("{:.4}", m.test.last.brier)),
        ("Calibration error (ECE)", &|m| format!("{:.4}", m.test.last.ece)),
        ("Agreement with the teacher", &|m| optional(m.test.last.teacher_agreement.map(percent))),
        ("Parameters", &|m| thousands(m.parameters)),
        ("Multiply–accumulates", &|m| thousands(m.macs)),
        ("File of weights", &|m| mebibytes(m.bytes)),
        ("Latency, one image", &|m| optional(m.latency.map(|l| duration(l.median)))),
        ("Epochs", &epochs),
        ("Training", &|m| if m.epochs == 0 { "–".to_owned() } else { duration(m.seconds) }),
        ("Training images a second", &|m| optional(m.images_per_second.map(|r| format!("{r:.0}")))),
        ("Waiting for data", &|m| of_training(m, m.waiting_seconds)),
        ("The teacher’s passes", &|m| of_training(m, m.teacher_seconds)),
    ];
    html! {
        section aria-labelledby="models" {
            h2 id="models" { "The three networks" }
            p {
                "Baseline and student are the same network, from the same initial weights, with the same images in the "
                "same order: they differ by their objective alone. The student minimises "
                code { (run.report.objective.formula) } "."
            }
            div.wide tabindex="0" role="region" aria-label="Table of the three networks" {
                table.side {
                    thead { tr {
                        td {}
                        th scope="col" { "Teacher" } th scope="col" { "Baseline" } th scope="col" { "Student" }
                    } }
                    tbody { @for (name, value) in rows { tr {
                        th scope="row" { (name) }
                        @for model in three { td { (value(model)) } }
                    } } }
                }
            }
            (others(run))
            (missing::of_run(&run.report))
            p.note {
                "On " (thousands(run.report.dataset.test as u64)) " test images, which were read once, at the end. The "
                "selected epoch is the best on " (thousands(run.report.dataset.validation as u64))
                " validation images, which were held out of the training. Errors and what follows are after the last "
                "epoch."
                @if models.student.latency.is_some() {
                    " Latency is the median on " (run.record.backend) " with "
                    (run.record.host.cores) " cores."
                }
            }
        }
    }
}

/// A part of a network's training, with its share.
fn of_training(model: &ModelReport, seconds: f64) -> String {
    match model.seconds > 0.0 && model.epochs > 0 {
        true => format!("{} ({:.0} %)", duration(seconds), 100.0 * seconds / model.seconds),
        false => "–".to_owned(),
    }
}

/// Epochs of a network's training, and those of its recipe where it stopped early.
fn epochs(model: &ModelReport) -> String {
    match (model.epochs, model.planned_epochs) {
        (0, _) => "given".to_owned(),
        (epochs, Some(planned)) => format!("{epochs} of {planned}, stopped early"),
        (epochs, None) => epochs.to_string(),
    }
}

/// The recipe's other networks.
fn others(run: &Finished) -> Markup {
    html! {
        @if !run.report.networks.is_empty() {
            h3 { "The other networks of the recipe" }
            div.wide tabindex="0" role="region" aria-label="The other networks" {
                table {
                    thead { tr {
                        @for name in ["Name", "Network", "Top-1", "NLL, nats", "Parameters"] {
                            th scope="col" { (name) }
                        }
                    } }
                    tbody { @for (name, model) in &run.report.networks { tr {
                        th scope="row" { (name) }
                        td { (model.architecture) }
                        td { (percent(model.test.last.top1)) }
                        td { (format!("{:.4}", model.test.last.nll)) }
                        td { (thousands(model.parameters)) }
                    } } }
                }
            }
        }
    }
}
