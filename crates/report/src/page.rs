//! The report of a run: its sections in their order.

use maud::{Markup, html};

use crate::{
    again, answer, calibration, classes, confusion, curves, figures::thousands, finished::Finished,
    frame::Frame, knowledge, labels, models,
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
            @if let Some(confusion) = confusion::section(run) { (confusion) }
            @if let Some(noise) = &report.label_noise { (labels::section(noise)) }
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
        ("confusion", "Which classes are taken for which"),
        ("labels", "Labels that the teacher contradicts"),
        ("knowledge", "Dark knowledge"),
        ("again", "Run it again"),
    ]
    .into_iter()
    .filter(|(id, _)| match *id {
        "confusion" => confusion::is_written(&run.report.models.student),
        "labels" => run.report.label_noise.is_some(),
        "knowledge" => run.evidence.is_some(),
        _ => true,
    })
}
