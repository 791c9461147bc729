//! What networks say of classes that they never saw: Hinton, Vinyals and Dean 2015, section 3.

use distill_driver::{Group, Report, evaluation::Shifted};
use maud::{Markup, html};

use crate::figures::{mean, thousands};

const HEADER: [&str; 8] =
    ["Name", "Never saw", "Images", "Errors", "On these", "Shifted", "On these", "At best"];

/// Of a run's networks; nothing where each saw all classes.
pub(crate) fn of_run(report: &Report) -> Markup {
    let shifted = |of: &Shifted| format!("{} ({:+.2})", thousands(of.errors as u64), of.shift);
    let rows = report.stages().filter_map(|stage| {
        let missing = report.of(stage).missing.as_ref()?;
        Some([
            stage.name().to_owned(),
            missing.classes.join(", "),
            thousands(missing.images as u64),
            thousands(missing.trained.errors as u64),
            thousands(missing.trained.errors_of_missing as u64),
            shifted(&missing.by_validation),
            thousands(missing.by_validation.errors_of_missing as u64),
            shifted(&missing.by_test),
        ])
    });
    table(&rows.collect::<Vec<_>>())
}

/// Of a group's networks, over its runs.
pub(crate) fn of_group(group: &Group) -> Markup {
    let rows = group.models.iter().filter_map(|model| {
        let missing = model.missing.as_ref()?;
        Some([
            model.stage.name().to_owned(),
            missing.classes.join(", "),
            thousands(missing.images as u64),
            mean(&missing.errors, 0),
            mean(&missing.errors_of_missing, 0),
            mean(&missing.shifted, 0),
            mean(&missing.shifted_of_missing, 0),
            mean(&missing.bound, 0),
        ])
    });
    table(&rows.collect::<Vec<_>>())
}

fn table(rows: &[[String; 8]]) -> Markup {
    html! {
        @if !rows.is_empty() {
            h3 { "Classes that were never seen" }
            div.wide tabindex="0" role="region" aria-label="Classes that were never seen" {
                table.grid {
                    thead { tr { @for name in HEADER { th scope="col" { (name) } } } }
                    tbody { @for [name, cells @ ..] in rows { tr {
                        th scope="row" { (name) }
                        @for cell in cells { td { (cell) } }
                    } } }
                }
            }
            p.note {
                "Test images of the classes that a network never saw; test errors, all and those on these images, as "
                "trained, and with one number added to the logits of these classes, chosen on the validation images. At "
                "best: chosen on the test images themselves, a bound and no result."
            }
        }
    }
}
