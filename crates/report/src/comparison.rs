//! Finished runs beside one another, as a page.

use distill_driver::{ClassFigures, Comparison, Difference, Figure, Group, ModelFigures, Over};
use maud::{Markup, html};
use plotters::prelude::*;

use crate::{
    axes,
    figures::{percent, points, thousands},
    frame::Frame,
    plot::{Drawn, Ink, draw, figure, range},
    sweep::written,
};

/// Classes that are shown where there are many.
const CLASSES: usize = 20;

pub(crate) fn html(comparison: &Comparison) -> Markup {
    let groups = &comparison.groups;
    let names: Vec<String> = groups.iter().enumerate().map(|(at, group)| name(at, group)).collect();
    let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
    let title = match &groups[..] {
        [one] => one.recipe.clone(),
        several => format!("{} groups of runs", several.len()),
    };
    let frame = Frame {
        kind: "Comparison",
        title: &title,
        subtitle: html! {
            (runs) " runs, " (thousands(groups[0].images as u64)) " test images each. Runs of a group differ by their seed alone."
        },
        sections: &[
            ("gains", "What distillation gained"),
            ("models", "The networks"),
            ("classes", "The classes"),
        ],
        main: html! { (answer(groups)) (gains(groups, &names)) (models(groups, &names)) (classes(groups, &names)) },
        source: "comparison.json",
    };
    frame.html()
}

/// A group's name: its recipe, and a number where several have it.
fn name(at: usize, group: &Group) -> String {
    format!("{} {}", at + 1, group.recipe)
}

fn answer(groups: &[Group]) -> Markup {
    html! {
        section.answer aria-labelledby="answer" {
            h2 id="answer" {
                @match groups {
                    [one] => { (headline(&one.gain_last)) }
                    _ => { "What each group gained by distillation" }
                }
            }
            @for (at, group) in groups.iter().enumerate() {
                p {
                    strong { (name(at, group)) } " (" (group.backend) ", seeds "
                    (group.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")) ", minimises "
                    code { (group.formula) } "): student minus baseline " (difference(&group.gain_last))
                    @if let Some(against) = &group.against_first {
                        "; student minus that of the first group, same seeds: " (difference(against))
                    }
                    "."
                }
            }
        }
    }
}

fn headline(gain: &Difference) -> String {
    let mean = points(gain.figure.mean);
    match gain.interval {
        Some([low, _]) if low > 0.0 => format!("The student gained {mean} points by distillation"),
        Some([_, high]) if high < 0.0 => format!("The student lost by distillation: {mean} points"),
        _ => format!("No clear difference: {mean} points by distillation"),
    }
}

/// Points, with deviation and interval.
fn difference(difference: &Difference) -> String {
    let deviation =
        difference.figure.deviation.map_or(String::new(), |d| format!(" ± {:.2}", 100.0 * d));
    let interval = difference.interval.map_or(String::new(), |[low, high]| {
        let over = match difference.over {
            Over::Runs => "over the runs",
            Over::Images => "over the test images of one run",
        };
        format!(" (95 % interval {over} {} to {})", points(low), points(high))
    });
    format!("{}{deviation} points{interval}", points(difference.figure.mean))
}

fn gains(groups: &[Group], names: &[String]) -> Markup {
    html! {
        section aria-labelledby="gains" {
            h2 id="gains" { "What distillation gained" }
            div.plots { (plot(groups, names)) }
        }
    }
}

/// A bar for each group: the interval, with each run as a point.
fn plot(groups: &[Group], names: &[String]) -> Markup {
    let ends = |group: &Group| {
        let values = group.gain_last.figure.values.iter().copied();
        values
            .chain(group.gain_last.interval.into_iter().flatten())
            .chain([0.0])
            .collect::<Vec<_>>()
    };
    let x = range(groups.iter().flat_map(ends)).expect("zero is a number");
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
                th scope="row" { (name) }
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

fn models(groups: &[Group], names: &[String]) -> Markup {
    let number = |figure: &Figure, digits: usize| {
        let deviation = figure.deviation.map_or(String::new(), |d| format!(" ± {d:.digits$}"));
        format!("{:.digits$}{deviation}", figure.mean)
    };
    let accuracy = ["Network", "Top-1", "Selected", "Agreement"];
    let calibration = ["NLL", "ECE", "T", "NLL at T", "ECE at T"];
    html! {
        section aria-labelledby="models" {
            h2 id="models" { "The networks" }
            @for (group, name) in groups.iter().zip(names) {
                h3 { (name) }
                (table(&format!("Networks of {name}"), &accuracy, group, &|model| vec![
                    model.architecture.clone(),
                    written(&model.top1_last),
                    written(&model.top1_selected),
                    model.teacher_agreement.as_ref().map_or_else(|| "–".to_owned(), written),
                ]))
                (table(&format!("Calibration of {name}"), &calibration, group, &|model| vec![
                    number(&model.nll, 4),
                    number(&model.ece, 4),
                    number(&model.temperature, 2),
                    number(&model.nll_scaled, 4),
                    number(&model.ece_scaled, 4),
                ]))
            }
            p.note {
                "Mean ± deviation over the runs. NLL (nats), ECE and agreement after the last epoch; T is the temperature that "
                "fits the validation images best."
            }
        }
    }
}

/// A row for each network of a group.
fn table(
    name: &str,
    header: &[&str],
    group: &Group,
    cells: &dyn Fn(&ModelFigures) -> Vec<String>,
) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(name) {
            table.grid {
                thead { tr { td {} @for name in header { th scope="col" { (name) } } } }
                tbody { @for model in &group.models { tr {
                    th scope="row" { (model.stage.name()) }
                    @for cell in cells(model) { td { (cell) } }
                } } }
            }
        }
    }
}

fn classes(groups: &[Group], names: &[String]) -> Markup {
    html! {
        section aria-labelledby="classes" {
            h2 id="classes" { "The classes" }
            @for (group, name) in groups.iter().zip(names) {
                h3 { (name) }
                div.wide tabindex="0" role="region" aria-label={ "Classes of " (name) } {
                    table.grid {
                        thead { tr { @for name in ["Class", "Images", "Baseline", "Student", "Change", "Gained", "Lost"] {
                            th scope="col" { (name) }
                        } } }
                        tbody { @for class in most_changed(group) { tr {
                            th scope="row" { (class.name) }
                            td { (thousands(class.images as u64)) }
                            td { (percent(class.baseline)) }
                            td { (percent(class.student)) }
                            td { (points(class.student - class.baseline)) }
                            td { (format!("{:.1}", class.gained)) }
                            td { (format!("{:.1}", class.lost)) }
                        } } }
                    }
                }
                @if group.classes.len() > CLASSES { p.note { "The " (CLASSES) " classes that changed most." } }
            }
        }
    }
}

fn most_changed(group: &Group) -> Vec<&ClassFigures> {
    let mut classes: Vec<&ClassFigures> = group.classes.iter().collect();
    if classes.len() > CLASSES {
        let change = |class: &ClassFigures| (class.student - class.baseline).abs();
        classes.sort_by(|a, b| change(b).total_cmp(&change(a)));
        classes.truncate(CLASSES);
    }
    classes
}
