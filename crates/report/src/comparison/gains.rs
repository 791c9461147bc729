//! What distillation gained in each group of runs.

use distill_driver::{Difference, Group};
use maud::{Markup, html};
use plotters::prelude::*;

use super::{difference, seeds};
use crate::{
    axes,
    canvas::{Drawn, Ink, draw},
    figures::points,
    plot::{figure, range},
    sweep,
};

pub(super) fn section(groups: &[Group], names: &[String]) -> Markup {
    html! {
        section aria-labelledby="gains" {
            h2 id="gains" { "What distillation gained" }
            div.plots { (plot(groups, names)) }
            @if groups.len() > 1 { (each(groups, names)) }
        }
    }
}

/// A row for each group.
fn each(groups: &[Group], names: &[String]) -> Markup {
    let header = ["Group", "Backend", "Seeds", "Minimises", "Gain", "Against the first group"];
    let deviation = |gain: &Difference| {
        let deviation =
            gain.figure.deviation.map_or(String::new(), |d| format!(" ± {:.2}", 100.0 * d));
        format!("{}{deviation}", points(gain.figure.mean))
    };
    html! {
        div.wide tabindex="0" role="region" aria-label="Table of the groups" {
            table.grid {
                thead { tr { @for name in header { th scope="col" { (name) } } } }
                tbody { @for (group, name) in groups.iter().zip(names) { tr {
                    th scope="row" { (sweep::name(name)) }
                    td { (group.backend) }
                    td { (seeds(group)) }
                    td { code { (group.formula) } }
                    td { (deviation(&group.gain_last)) }
                    td { (group.against_first.as_ref().map_or_else(|| "–".to_owned(), deviation)) }
                } } }
            }
        }
        p.note {
            "Points of top-1 after the last epoch, mean ± deviation: student minus baseline, and student minus that of the "
            "first group with the same seeds."
        }
    }
}

/// A bar for each group: the interval, with each run as a point.
fn plot(groups: &[Group], names: &[String]) -> Markup {
    let ends = groups.iter().flat_map(|group| {
        let values = group.gain_last.figure.values.iter().copied();
        values.chain(group.gain_last.interval.into_iter().flatten())
    });
    let x = range(ends.chain([0.0])).expect("zero is a number");
    let rows = groups.len();
    let size = (800, 150 + 70 * rows as u32);
    let svg = draw(size, |root| -> Drawn {
        let mut chart = axes::chart(root, 60, x, -0.5..rows as f64 - 0.5)?;
        axes::mesh(&mut chart)
            .disable_y_mesh()
            .x_desc("points of top-1, student minus baseline")
            .x_labels(6)
            .y_labels(rows)
            .x_label_formatter(&|x| points(*x))
            .y_label_formatter(&|y| {
                let whole = (y - y.round()).abs() < 1e-6;
                let at = (rows as f64 - 1.0 - y.round()) as usize;
                if whole && at < rows { (at + 1).to_string() } else { String::new() }
            })
            .draw()?;
        let zero = [(0.0, -0.5), (0.0, rows as f64 - 0.5)];
        chart.draw_series([PathElement::new(zero, Ink::Baseline.colour().stroke_width(3))])?;
        for (at, group) in groups.iter().enumerate() {
            let y = (rows - 1 - at) as f64;
            let ink = Ink::Student.colour();
            if let Some([low, high]) = group.gain_last.interval {
                chart
                    .draw_series([PathElement::new([(low, y), (high, y)], ink.stroke_width(5))])?;
            }
            let values = group.gain_last.figure.values.iter();
            chart.draw_series(
                values.map(|value| Circle::new((*value, y), 6, Ink::Baseline.colour().filled())),
            )?;
            chart.draw_series([Circle::new((group.gain_last.figure.mean, y), 10, ink.filled())])?;
        }
        Ok(())
    });
    let table = html! {
        table {
            thead { tr { th scope="col" { "Group" } th scope="col" { "Gain" } th scope="col" { "Each run" } } }
            tbody { @for (group, name) in groups.iter().zip(names) { tr {
                th scope="row" { (sweep::name(name)) }
                td { (difference(&group.gain_last)) }
                td { (group.gain_last.figure.values.iter().map(|value| points(*value)).collect::<Vec<_>>().join(", ")) }
            } } }
        }
    };
    let said: Vec<String> = groups
        .iter()
        .zip(names)
        .map(|(g, name)| format!("{name}: {}", difference(&g.gain_last)))
        .collect();
    let legend = html! {
        ul.legend { li { span.ink-student { "●" } " mean and its interval" } li { span.ink-baseline { "•" } " each run" } li { "line: no gain" } }
    };
    let title = "Student minus baseline, after the last epoch";
    figure(title, &format!("{}.", said.join("; ")), &svg, Some(legend), &table)
}
