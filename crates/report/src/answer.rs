//! The answer in one sentence, and what it costs.

use distill_driver::Over;
use maud::{Markup, html};

use crate::{
    figures::{duration, percent, points, points_lost, sizes, thousands},
    finished::Finished,
};

pub(crate) fn section(run: &Finished) -> Markup {
    let models = &run.report.models;
    let (teacher, baseline, student) = (&models.teacher, &models.baseline, &models.student);
    let gap = teacher.test.last.top1 - baseline.test.last.top1;
    let gain = run.report.student_gain_top1;
    let faster = teacher.latency.zip(student.latency);
    html! {
        section.answer aria-labelledby="answer" {
            h2 id="answer" { (headline(run)) }
            p { (sentence(run)) }
            p {
                "The teacher gets " (percent(teacher.test.last.top1)) ". "
                @if gap > 0.0 && is_gain(run) {
                    "Distillation closes " (format!("{:.0} %", 100.0 * gain / gap))
                    " of the way from the baseline to it. "
                }
                (sizes([student.parameters, student.macs], [teacher.parameters, teacher.macs]))
                @if let Some((teacher, student)) = faster {
                    ". The teacher takes " (duration(teacher.median)) " for an image where the student takes "
                    (duration(student.median)) " (" (run.record.backend) ", one image at a time)"
                }
                "."
            }
            @if !run.report.remarks.is_empty() {
                h3 { "What this run shows of the reasons" }
                ul {
                    @for remark in &run.report.remarks {
                        li {
                            (remark.found) ". " strong { "Try: " }
                            // What stands between backticks is code.
                            @for (at, part) in remark.hint.split('`').enumerate() {
                                @if at % 2 == 1 { code { (part) } } @else { (part) }
                            }
                            "."
                        }
                    }
                }
            }
        }
    }
}

/// Whether the gain is more than chance, as far as one run can say.
fn is_gain(run: &Finished) -> bool {
    run.group.gain_last.interval.is_some_and(|[low, _]| low > 0.0)
}

/// What can be said of the gain.
fn headline(run: &Finished) -> String {
    let gain = run.report.student_gain_top1;
    match run.group.gain_last.interval {
        _ if is_gain(run) => {
            format!("The student gained {} points by distillation", points(gain))
        }
        Some([_, high]) if high < 0.0 => {
            format!("The student lost {} points by distillation", points_lost(gain))
        }
        _ => format!("No clear difference: {} points by distillation", points(gain)),
    }
}

fn sentence(run: &Finished) -> Markup {
    let models = &run.report.models;
    let interval = run.group.gain_last.interval.map(|[low, high]| {
        let over = match run.group.gain_last.over {
            Over::Runs => "over the runs",
            Over::Images => "over the test images",
        };
        format!(", 95 % interval {over} {} to {}", points(low), points(high))
    });
    html! {
        "Trained on labels alone, the student's network gets "
        strong { (percent(models.baseline.test.last.top1)) }
        " of " (thousands(run.report.dataset.test as u64)) " test images right; taught by the teacher, " (budget(run)) ", "
        strong { (percent(models.student.test.last.top1)) }
        " (" (points(run.report.student_gain_top1)) " points" @if let Some(interval) = interval { (interval) } "). "
        "That is one seed: another may differ by more, and the same command with "
        code { "--seeds 1,2,3" }
        " says by how much."
    }
}

/// Length of the student's training beside the baseline's.
fn budget(run: &Finished) -> &'static str {
    let models = &run.report.models;
    match [&models.baseline, &models.student].iter().any(|model| model.planned_epochs.is_some()) {
        true => "each until its validation no longer improved",
        false => "with the same budget",
    }
}
