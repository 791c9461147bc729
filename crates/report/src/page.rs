//! The report of a run: its sections in their order.

use maud::{Markup, html};

use crate::{
    again, answer, calibration, classes, curves, figures::thousands, finished::Finished,
    frame::Frame, knowledge, models,
};

pub(crate) fn html(run: &Finished) -> Markup {
    let report = &run.report;
    let frame = Frame {
        kind: "Distillation report",
        title: &report.recipe,
        subtitle: html! {
            (report.models.teacher.architecture) " teaches " (report.models.student.architecture) " on "
            (report.dataset.name) " (" (thousands(report.dataset.train as u64)) " training images"
            @if report.dataset.unreadable > 0 {
                ", " (report.dataset.unreadable) " files that do not decode left out"
            }
            "), "
            (report.backend) ", seed " (report.seed) "."
        },
        sections: &sections(run).collect::<Vec<_>>(),
        main: html! {
            (answer::section(run))
            (models::section(run))
            (curves::section(run))
            (calibration::section(run))
            (classes::section(run))
            @if let Some(evidence) = &run.evidence { (knowledge::section(evidence)) }
            (again::section(run))
        },
        source: "report.json",
    };
    frame.html()
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
