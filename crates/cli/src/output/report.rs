//! The tables at the end of a run, and what was gained in words.

use distill_driver::{ModelReport, Report, evaluation::Shifted};

use super::{Table, mebibytes, remarks, thousands, width, width::wrapped};

/// What the networks are worth, what they cost, and what was gained.
pub(crate) fn report_table(report: &Report) -> String {
    within(report, width::known().unwrap_or(width::USUAL))
}

fn within(report: &Report, width: usize) -> String {
    let header = [
        "model",
        "top-1 last",
        "top-1 selected",
        "NLL",
        "ECE",
        "agreement",
        "network",
        "parameters",
        "MACs",
        "size",
        "train images/s",
    ];
    // Two tables where one is too wide: what the networks are worth, and what they cost.
    let mut table = Table::new(header).numbers_from(1).text(6).below_from(6);
    for stage in report.stages() {
        table.row(cells(stage.name(), report.of(stage)));
    }
    format!("{}\n{}", table.within(Some(width)), wrapped(&sentences(report), width))
}

fn cells(name: &str, model: &ModelReport) -> [String; 11] {
    let (last, selected) = (&model.test.last, &model.test.selected);
    let percent = |value: f64| format!("{:.2} %", 100.0 * value);
    [
        name.to_owned(),
        percent(last.top1),
        percent(selected.top1),
        format!("{:.4}", last.nll),
        format!("{:.4}", last.ece),
        last.teacher_agreement.map_or_else(|| "-".to_owned(), percent),
        model.architecture.clone(),
        thousands(model.parameters),
        thousands(model.macs),
        mebibytes(model.bytes),
        model.images_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
    ]
}

fn sentences(report: &Report) -> String {
    let (teacher, student) = (&report.models.teacher, &report.models.student);
    let reasons = remarks("What this run shows of the reasons", &report.remarks);
    format!(
        "{}objective: {}\n\
         NLL (nats), ECE and agreement are those of the last epoch, on {} test images.\n\
         {} (seed {}); the student has {}.{}{reasons}",
        missing(report),
        report.objective.formula,
        thousands(report.dataset.test as u64),
        gain(report.student_gain_top1),
        report.seed,
        size(student.parameters, teacher.parameters),
        advice(report.student_gain_top1),
    )
}

/// What distillation gained or lost, a difference of fractions.
fn gain(gain: f64) -> String {
    let points = format!("{:.2}", 100.0 * gain.abs());
    match gain {
        _ if points == "0.00" => "No change in top-1: distillation gained 0.00 points".to_owned(),
        ..0.0 => format!("Distillation lost {points} points top-1 against the baseline"),
        _ => format!("Distillation gained {points} points top-1 over the baseline"),
    }
}

/// What to do where the baseline is the better network.
fn advice(gain: f64) -> &'static str {
    match gain {
        ..-5e-5 => " `distill export RUN --stage baseline` exports the baseline.",
        _ => "",
    }
}

/// The student's parameters beside the teacher's, the right way round.
fn size(student: u64, teacher: u64) -> String {
    let (smaller, larger) = (student.min(teacher), student.max(teacher));
    if smaller == larger {
        return "as many parameters as the teacher".to_owned();
    }
    let which = if student < teacher { "fewer" } else { "more" };
    let ratio = larger as f64 / smaller as f64;
    // Below a tenth more, a percentage reads better than a factor.
    let by = match (ratio, student < teacher) {
        (..1.095, _) => format!("{:.1} %", 100.0 * (larger - smaller) as f64 / teacher as f64),
        (_, true) => format!("{ratio:.1} times"),
        (_, false) => return format!("{ratio:.1} times as many parameters as the teacher"),
    };
    format!("{by} {which} parameters than the teacher")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_called_a_loss() {
        assert_eq!(gain(0.012), "Distillation gained 1.20 points top-1 over the baseline");
        assert_eq!(gain(-0.012), "Distillation lost 1.20 points top-1 against the baseline");
        assert!(advice(-0.012).contains("--stage baseline") && advice(0.012).is_empty());
        for none in [0.0, -0.0, 1e-5, -1e-5] {
            assert_eq!(gain(none), "No change in top-1: distillation gained 0.00 points");
            assert_eq!(advice(none), "");
        }
    }

    #[test]
    fn sizes_are_said_the_right_way_round() {
        let of = |student, teacher| size(student, teacher);
        assert_eq!(of(10, 33), "3.3 times fewer parameters than the teacher");
        assert_eq!(of(98, 10), "9.8 times as many parameters as the teacher");
        assert_eq!(of(7, 7), "as many parameters as the teacher");
        assert_eq!(of(100, 104), "3.8 % fewer parameters than the teacher");
        assert_eq!(of(104, 100), "4.0 % more parameters than the teacher");
    }
}
