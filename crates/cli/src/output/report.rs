//! The table at the end of a run.

use distill_driver::{Report, evaluation::Shifted};

use super::{plain_table, right_align_from, thousands};

/// What the three networks are worth, and what was gained.
pub(crate) fn report_table(report: &Report) -> String {
    let mut table = plain_table(&[
        "model",
        "network",
        "top-1 last",
        "top-1 selected",
        "NLL",
        "ECE",
        "agreement",
        "parameters",
        "MACs",
        "size",
        "train images/s",
    ]);
    for stage in report.stages() {
        let model = report.of(stage);
        let (last, selected) = (&model.test.last, &model.test.selected);
        let percent = |value: f64| format!("{:.2} %", 100.0 * value);
        table.add_row(vec![
            stage.name().to_owned(),
            model.architecture.clone(),
            percent(last.top1),
            percent(selected.top1),
            format!("{:.4}", last.nll),
            format!("{:.4}", last.ece),
            last.teacher_agreement.map_or_else(|| "-".to_owned(), percent),
            thousands(model.parameters),
            thousands(model.macs),
            format!("{:.2} MiB", model.bytes as f64 / f64::from(1 << 20)),
            model.images_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
        ]);
    }
    right_align_from(&mut table, 2);
    let (teacher, student) = (&report.models.teacher, &report.models.student);
    let missing = missing(report);
    format!(
        "{table}\n\
         {missing}objective: {}\n\
         NLL (nats), ECE and agreement are those of the last epoch, on {} test images.\n\
         Distillation gained {:+.2} points top-1 over the baseline (seed {}); the student has {:.1} \
         times fewer parameters than the teacher.",
        report.objective.formula,
        thousands(report.dataset.test as u64),
        100.0 * report.student_gain_top1,
        report.seed,
        teacher.parameters as f64 / student.parameters as f64,
    )
}

/// What networks say of classes that they never saw.
fn missing(report: &Report) -> String {
    let mut text = String::new();
    for stage in report.stages() {
        let Some(missing) = &report.of(stage).missing else { continue };
        let errors = |of: &Shifted| {
            format!(
                "{} errors, {} of them on these",
                thousands(of.errors as u64),
                of.errors_of_missing
            )
        };
        text += &format!(
            "{} without {} ({} test images): {}; {} with their logits shifted by {:+.2}, chosen on the \
             validation images ({} by {:+.2}, the best that the test images allow).\n",
            stage.name(),
            missing.classes.join(", "),
            thousands(missing.images as u64),
            errors(&missing.trained),
            errors(&missing.by_validation),
            missing.by_validation.shift,
            missing.by_test.errors,
            missing.by_test.shift,
        );
    }
    text
}
