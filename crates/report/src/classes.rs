//! Where the gain comes from: class by class, with the images in which most changed.

use distill_driver::{ClassReport, evidence::Kind};
use maud::{Markup, html};
use plotters::prelude::*;

use crate::{
    axes,
    canvas::{self, Ink},
    examples,
    figures::{percent, points, thousands},
    finished::Finished,
    plot,
};

/// As many classes as are shown; of more, those in which most changed.
const SHOWN: usize = 20;

/// A class of the test images, with the baseline and the student.
type Row<'a> = (&'a ClassReport, &'a ClassReport);

pub(crate) fn section(run: &Finished) -> Markup {
    let models = &run.report.models;
    let mut rows: Vec<Row> = models.baseline.classes.iter().zip(&models.student.classes).collect();
    let all = rows.len();
    if all > SHOWN {
        rows.sort_by_key(|(_, student)| std::cmp::Reverse(student.gained + student.lost));
        rows.truncate(SHOWN);
    }
    let changed = |of: fn(&ClassReport) -> usize| -> u64 {
        models.student.classes.iter().map(|class| of(class) as u64).sum()
    };
    html! {
        section aria-labelledby="classes" {
            h2 id="classes" { "Where the gain comes from" }
            p {
                "Of the test images the student gets " strong { (thousands(changed(|c| c.gained))) }
                " right on which the baseline errs, and errs on " strong { (thousands(changed(|c| c.lost))) }
                " that the baseline gets right."
                @if all > SHOWN { " The " (SHOWN) " classes of " (all) " in which most changed:" }
            }
            (figure(&rows))
            @if let Some(evidence) = &run.evidence {
                (examples::section(evidence, Kind::Gained, "Gained: the student is right, the baseline is wrong"))
                (examples::section(evidence, Kind::Lost, "Lost: the student is wrong, the baseline is right"))
            }
        }
    }
}

/// Gained to the right, lost to the left.
fn figure(rows: &[Row]) -> Markup {
    let most = rows.iter().map(|(_, class)| class.gained.max(class.lost)).max().unwrap_or(0);
    let most = most.max(1) as f64;
    let size = (800, 120 + 44 * rows.len() as u32);
    let svg = canvas::draw(size, |root| {
        let mut chart = axes::chart(root, 230, -1.05 * most..1.05 * most, 0.0..rows.len() as f64)?;
        axes::mesh(&mut chart)
            .disable_y_mesh()
            .x_desc("images lost (left) and gained (right)")
            .x_labels(7)
            .y_labels(0)
            .x_label_formatter(&|x| plot::short(x.abs()))
            .draw()?;
        let bars = rows.iter().rev().enumerate().flat_map(|(at, (_, class))| {
            let (low, high) = (at as f64 + 0.2, at as f64 + 0.8);
            let bar =
                |to: f64, ink: Ink| Rectangle::new([(0.0, low), (to, high)], ink.colour().filled());
            [bar(class.gained as f64, Ink::Student), bar(-(class.lost as f64), Ink::Baseline)]
        });
        chart.draw_series(bars)?;
        let right = plotters::style::text_anchor::Pos::new(
            plotters::style::text_anchor::HPos::Right,
            plotters::style::text_anchor::VPos::Center,
        );
        for (at, (_, class)) in rows.iter().rev().enumerate() {
            let place = chart.backend_coord(&(-1.05 * most, at as f64 + 0.5));
            root.draw(&Text::new(
                shortened(&class.name),
                (place.0 - 12, place.1),
                axes::letters().pos(right),
            ))?;
        }
        Ok(())
    });
    let table = html! { table {
        thead { tr {
            @for name in ["Class", "Images", "Baseline", "Student", "Change, points", "Gained", "Lost"] {
                th scope="col" { (name) }
            }
        } }
        tbody { @for (baseline, student) in rows {
            @let share = |class: &ClassReport| class.right as f64 / class.images.max(1) as f64;
            tr {
                th scope="row" { (student.name) }
                td { (thousands(student.images as u64)) }
                td { (percent(share(baseline))) }
                td { (percent(share(student))) }
                td { (points(share(student) - share(baseline))) }
                td { (thousands(student.gained as u64)) }
                td { (thousands(student.lost as u64)) }
            }
        } }
    } };
    let gained: Vec<String> = rows
        .iter()
        .map(|(_, class)| format!("{} {}", class.name, class.gained as i64 - class.lost as i64))
        .collect();
    let caption =
        format!("Images gained minus images lost: {}.", gained.join(", ").replace('-', "−"));
    plot::figure("Images gained and lost in each class", &caption, &svg, None, &table)
}

/// A name that fits beside a plot.
pub(crate) fn shortened(name: &str) -> String {
    match name.char_indices().nth(15) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_are_cut_between_letters() {
        assert_eq!(shortened("automobile"), "automobile");
        assert_eq!(shortened("großer-weißer-hai"), "großer-weißer-h…");
    }
}
