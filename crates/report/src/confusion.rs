//! Which classes are taken for which, and the scores of each class.

use distill_driver::{ClassReport, ModelReport};
use maud::{Markup, html};

use crate::{
    canvas::Ink,
    figures::{percent, thousands},
    finished::Finished,
    plot,
    squares::Squares,
};

/// As many classes as a matrix, and the table of scores, shows.
const SHOWN: usize = 20;
/// Confusions in the table of the most frequent ones.
const LISTED: usize = 10;

/// The section; nothing in runs of earlier versions.
pub(crate) fn section(run: &Finished) -> Option<Markup> {
    let models = &run.report.models;
    let three = [
        ("Teacher", &models.teacher, Ink::Teacher),
        ("Baseline", &models.baseline, Ink::Baseline),
        ("Student", &models.student, Ink::Student),
    ];
    if !is_written(&models.student) {
        return None;
    }
    let all = models.student.classes.len();
    Some(html! {
        section aria-labelledby="confusion" {
            h2 id="confusion" { "Which classes are taken for which" }
            p {
                "Test images after the last epoch: a row for each true class, a column for each predicted one. Off the "
                "diagonal a square has as much colour as the share of its row's images that go there, in all plots on one "
                "scale."
                @if all > SHOWN { " There are " (all) " classes, too many for a plot." }
            }
            @if all <= SHOWN {
                @let scale = scale(&three.map(|(_, model, _)| model));
                div.plots { @for (name, model, ink) in three {
                    @if let Some(counts) = &model.confusion { (matrix(name, ink, model, counts, scale)) }
                } }
            }
            (most_frequent(&models.student, &models.baseline))
            (scores(run))
        }
    })
}

/// Whether a network's report has what this section shows.
pub(crate) fn is_written(model: &ModelReport) -> bool {
    model.classes.first().is_some_and(|class| class.f1.is_some())
}

/// The largest share of a row off the diagonal, of all matrices.
fn scale(models: &[&ModelReport]) -> f64 {
    let mut largest = 1e-9;
    for counts in models.iter().filter_map(|model| model.confusion.as_ref()) {
        for (at, row) in shares(counts).iter().enumerate() {
            let others = row.iter().enumerate().filter(|(column, _)| *column != at);
            largest = others.map(|(_, share)| *share).fold(largest, f64::max);
        }
    }
    largest
}

/// Each count as a share of its row.
fn shares(counts: &[Vec<usize>]) -> Vec<Vec<f64>> {
    let share = |row: &Vec<usize>| {
        let images = row.iter().sum::<usize>().max(1) as f64;
        row.iter().map(|count| *count as f64 / images).collect()
    };
    counts.iter().map(share).collect()
}

fn matrix(title: &str, ink: Ink, model: &ModelReport, counts: &[Vec<usize>], scale: f64) -> Markup {
    let names: Vec<&str> = model.classes.iter().map(|class| class.name.as_str()).collect();
    let mut colour = shares(counts);
    // Numbers stay readable on their square.
    colour.iter_mut().flatten().for_each(|share| *share *= 0.6 / scale);
    let written = |count: &usize| if *count == 0 { String::new() } else { count.to_string() };
    let numbers: Vec<Vec<String>> =
        counts.iter().map(|row| row.iter().map(written).collect()).collect();
    let svg = Squares { names: &names, shares: &colour, numbers: &numbers, ink }.svg();
    let right: usize = (0..counts.len()).map(|at| counts[at][at]).sum();
    let all: usize = counts.iter().flatten().sum();
    let caption = format!(
        "Rows: true classes; columns: predicted ones. {} of {} images are on the diagonal.",
        thousands(right as u64),
        thousands(all as u64)
    );
    let table = html! { table {
        thead { tr {
            th scope="col" { "Images of" }
            @for name in &names { th scope="col" { (name) } }
        } }
        tbody { @for (name, row) in names.iter().zip(counts) { tr {
            th scope="row" { (name) }
            @for count in row { td { (thousands(*count as u64)) } }
        } } }
    } };
    plot::figure(&format!("{title}: confusion matrix"), &caption, &svg, None, &table)
}

/// The most frequent errors of the student, beside the baseline's.
fn most_frequent(student: &ModelReport, baseline: &ModelReport) -> Markup {
    let (Some(counts), Some(before)) = (&student.confusion, &baseline.confusion) else {
        return Markup::default();
    };
    let errors = confusions(counts);
    html! {
        @if !errors.is_empty() {
            h3 { "The student's most frequent confusions" }
            div.wide tabindex="0" role="region" aria-label="Table of the most frequent confusions" { table {
                thead { tr {
                    th scope="col" { "Class" }
                    @for name in ["Taken for", "Student", "Baseline"] { th scope="col" { (name) } }
                } }
                tbody { @for (at, column) in errors { tr {
                    th scope="row" { (student.classes[at].name) }
                    td { (student.classes[column].name) }
                    td { (thousands(counts[at][column] as u64)) }
                    td { (thousands(before[at][column] as u64)) }
                } } }
            } }
        }
    }
}

/// The squares off the diagonal with the largest counts, none without images.
fn confusions(counts: &[Vec<usize>]) -> Vec<(usize, usize)> {
    let rows = 0..counts.len();
    let squares = rows.flat_map(|at| (0..counts[at].len()).map(move |column| (at, column)));
    let mut errors: Vec<_> =
        squares.filter(|(at, column)| at != column && counts[*at][*column] > 0).collect();
    errors.sort_by_key(|(at, column)| std::cmp::Reverse(counts[*at][*column]));
    errors.truncate(LISTED);
    errors
}

/// Precision, recall and F1 of each class; of many classes those with the lowest F1 of the student.
fn scores(run: &Finished) -> Markup {
    let (student, baseline) = (&run.report.models.student, &run.report.models.baseline);
    let mut rows: Vec<(&ClassReport, &ClassReport)> =
        student.classes.iter().zip(&baseline.classes).collect();
    let all = rows.len();
    if all > SHOWN {
        rows.sort_by(|a, b| a.0.f1.unwrap_or(0.0).total_cmp(&b.0.f1.unwrap_or(0.0)));
        rows.truncate(SHOWN);
    }
    let share = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), percent);
    let number = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |f1| format!("{f1:.3}"));
    html! {
        h3 { "Scores of each class" }
        @if all > SHOWN { p { "The " (SHOWN) " classes of " (all) " with the student's lowest F1." } }
        div.wide tabindex="0" role="region" aria-label="Table of the scores of each class" { table {
            thead { tr {
                th scope="col" { "Class" }
                @for name in ["Images", "Precision", "Recall", "F1", "Baseline’s F1"] { th scope="col" { (name) } }
            } }
            tbody { @for (class, before) in rows { tr {
                th scope="row" { (class.name) }
                td { (thousands(class.images as u64)) }
                td { (share(class.precision)) }
                td { (share(class.recall)) }
                td { (number(class.f1)) }
                td { (number(before.f1)) }
            } } }
        } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_confusions_come_first_and_what_is_right_is_none() {
        let counts = [vec![90, 3, 0], vec![7, 20, 1], vec![0, 0, 50]];
        assert_eq!(confusions(&counts), [(1, 0), (0, 1), (1, 2)]);
        assert_eq!(shares(&counts)[1], [0.25, 20.0 / 28.0, 1.0 / 28.0]);
        assert_eq!(shares(&[vec![0, 0]]), [[0.0, 0.0]], "a class without images");
    }
}
