//! Dark knowledge: what a teacher's soft targets say beyond the labels.

use distill_driver::evidence::{Agreement, Evidence, Kind};
use maud::{Markup, html};

use crate::{
    canvas::Ink,
    examples,
    figures::{percent, thousands},
    plot::{self, Lines, Series, Unit},
    squares::Squares,
};

pub(crate) fn section(evidence: &Evidence) -> Markup {
    let temperature = evidence.temperature;
    html! {
        section aria-labelledby="knowledge" {
            h2 id="knowledge" { "Dark knowledge" }
            p {
                "A label says one class. The teacher says how much an image looks like each of the others, and that is what "
                "the student learns from it. At T=1 little of it shows; the temperature of the training, T=" (temperature)
                ", brings it out."
            }
            (examples::section(
                evidence, Kind::DarkKnowledge, "Images that the teacher gets right, and finds like another class"
            ))
            h3 { "Which classes look alike" }
            p {
                "The mean of what a network says of the images of a class, at T=" (temperature) ". Off the diagonal a square "
                "has as much colour as its class is likely, in both plots on one scale. A student that has learnt from its teacher "
                "has the teacher's squares."
            }
            div.plots {
                (matrix(evidence, "Teacher", Ink::Teacher, &evidence.similarity.of.teacher))
                (matrix(evidence, "Student", Ink::Student, &evidence.similarity.of.student))
            }
            h3 { "Soft targets and agreement" }
            div.plots {
                @if let Some(plot) = entropy(evidence) { (plot) }
                (agreement(evidence))
            }
        }
    }
}

/// The largest value off the diagonal of both matrices: their common scale.
fn scale(evidence: &Evidence) -> f64 {
    let of = &evidence.similarity.of;
    let mut largest = 1e-9;
    for matrix in [&of.teacher, &of.student] {
        for (at, row) in matrix.iter().enumerate() {
            let others = row.iter().enumerate().filter(|(column, _)| *column != at);
            largest = others.map(|(_, p)| *p).fold(largest, f64::max);
        }
    }
    largest
}

fn matrix(evidence: &Evidence, name: &str, ink: Ink, rows: &[Vec<f64>]) -> Markup {
    let class = |at: usize| {
        let names = &evidence.classes;
        evidence
            .similarity
            .classes
            .get(at)
            .and_then(|class| names.get(*class))
            .map_or("?", String::as_str)
    };
    let scale = scale(evidence);
    let shares: Vec<Vec<f64>> =
        rows.iter().map(|row| row.iter().map(|p| p / scale).collect()).collect();
    let names: Vec<&str> = (0..rows.len()).map(class).collect();
    let svg = Squares { names: &names, shares: &shares, numbers: &[], ink }.svg();
    let table = html! { table {
        thead { tr {
            th scope="col" { "Images of" }
            @for at in 0..rows.len() { th scope="col" { (class(at)) } }
        } }
        tbody { @for (at, row) in rows.iter().enumerate() { tr {
            th scope="row" { (class(at)) }
            @for p in row { td { (format!("{p:.3}")) } }
        } } }
    } };
    let alike: Vec<String> = most_alike(rows)
        .into_iter()
        .map(|(of, like, p)| format!("{} like {} ({})", class(of), class(like), percent(p)))
        .collect();
    let caption = format!(
        "Rows: images of a class; columns: what is said. Most alike: {}.",
        alike.join(", ")
    );
    plot::figure(&format!("{name}: class similarity"), &caption, &svg, None, &table)
}

/// The three squares off the diagonal with the largest values.
fn most_alike(rows: &[Vec<f64>]) -> Vec<(usize, usize, f64)> {
    let squares = rows
        .iter()
        .enumerate()
        .flat_map(|(at, row)| row.iter().enumerate().map(move |(column, p)| (at, column, *p)));
    let mut off: Vec<_> = squares.filter(|(at, column, _)| at != column).collect();
    off.sort_by(|a, b| b.2.total_cmp(&a.2));
    off.truncate(3);
    off
}

fn entropy(evidence: &Evidence) -> Option<Markup> {
    let mean = evidence.entropy.iter().map(|one| (one.temperature, one.mean));
    let even = (evidence.classes.len() as f64).ln();
    let guess = evidence.entropy.iter().map(|one| (one.temperature, even));
    Lines {
        title: "Entropy of the soft targets",
        x: "temperature",
        y: "nats",
        unit: Unit::Nats,
        series: vec![
            Series {
                name: "teacher, with a tenth of the images below and above the band".to_owned(),
                ink: Ink::Teacher,
                points: mean.collect(),
            },
            Series {
                name: format!("all {} classes alike", evidence.classes.len()),
                ink: Ink::Baseline,
                points: guess.collect(),
            },
        ],
        band: evidence.entropy.iter().map(|one| (one.temperature, [one.low, one.high])).collect(),
    }
    .figure()
}

/// A row of the table: its name and its number of images.
type Row = (&'static str, fn(&Agreement) -> usize);

const ROWS: [Row; 5] = [
    ("Both right", |a| a.both_right),
    ("The teacher alone right", |a| a.teacher_alone),
    ("The network alone right", |a| a.network_alone),
    ("Both wrong, the same error", |a| a.same_error),
    ("Both wrong, another error", |a| a.other_error),
];

fn agreement(evidence: &Evidence) -> Markup {
    let count = |of: usize| thousands(of as u64);
    html! {
        div {
            h4 { "Agreement with the teacher, test images" }
            table.side {
                thead { tr { td {} th scope="col" { "Baseline" } th scope="col" { "Student" } } }
                tbody { @for (name, of) in ROWS { tr {
                    th scope="row" { (name) }
                    td { (count(of(&evidence.baseline_agreement))) }
                    td { (count(of(&evidence.agreement))) }
                } } }
            }
        }
    }
}
