//! The page around the sections.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::{
    again, answer, calibration, classes, curves, figures::thousands, finished::Finished, knowledge,
    models,
};

/// Nothing is loaded and nothing runs, whatever names of classes and recipes say.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'";

pub(crate) fn html(run: &Finished) -> Markup {
    let report = &run.report;
    let title = format!("{}: distillation report", report.recipe);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { (title) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body {
                header {
                    p.over { "Distillation report" }
                    h1 { (report.recipe) }
                    p {
                        (report.models.teacher.architecture) " teaches " (report.models.student.architecture) " on "
                        (report.dataset.name) " (" (thousands(report.dataset.train as u64)) " training images), "
                        (report.backend) ", seed " (report.seed) "."
                    }
                    nav aria-label="Sections" { ul { @for (id, name) in sections(run) {
                        li { a href={ "#" (id) } { (name) } }
                    } } }
                }
                main {
                    (answer::section(run))
                    (models::section(run))
                    (curves::section(run))
                    (calibration::section(run))
                    (classes::section(run))
                    @if let Some(evidence) = &run.evidence { (knowledge::section(evidence)) }
                    (again::section(run))
                }
                footer { p { "Written by distill " (run.record.version) ". The figures are those of " code { "report.json" } "." } }
            }
        }
    }
}

fn sections(run: &Finished) -> impl Iterator<Item = (&'static str, &'static str)> {
    [
        ("models", "The three networks"),
        ("curves", "Learning curves"),
        ("calibration", "Calibration"),
        ("classes", "Where the gain comes from"),
        ("knowledge", "Dark knowledge"),
        ("again", "Run it again"),
    ]
    .into_iter()
    .filter(|(id, _)| *id != "knowledge" || run.evidence.is_some())
}
