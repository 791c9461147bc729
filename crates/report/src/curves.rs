//! Learning curves: accuracy and NLL on the validation images, the objective and each of its terms.

use std::collections::BTreeSet;

use distill_driver::{
    Stage,
    metrics::{EpochRecord, Line, StepsRecord},
};
use maud::{Markup, html};

use crate::{
    canvas::Ink,
    finished::Finished,
    plot::{Lines, Series, Unit},
};

/// Points of a line at most: more are no plainer.
const POINTS: usize = 120;

pub(crate) fn section(run: &Finished) -> Markup {
    let terms: BTreeSet<&String> = Stage::ALL
        .into_iter()
        .flat_map(|stage| epochs(run.lines(stage)))
        .flat_map(|epoch| epoch.terms.keys())
        .collect();
    html! {
        section aria-labelledby="curves" {
            h2 id="curves" { "Learning curves" }
            div.plots {
                @if let Some(plot) = by_epoch(run, "Validation accuracy", "top-1", Unit::Share, &|e| e.validation_top1) {
                    (plot)
                }
                @if let Some(plot) = by_epoch(run, "Validation NLL", "nats", Unit::Nats, &|e| e.validation_nll) { (plot) }
                @if let Some(plot) = by_epoch(run, "Training accuracy", "top-1", Unit::Share, &|e| e.train_top1) { (plot) }
                @for term in &terms {
                    @if let Some(plot) = of_term(run, term) { (plot) }
                }
                @for term in &terms {
                    @if let Some(plot) = share_of(run, term) { (plot) }
                }
                @if let Some(plot) = by_epoch(run, "Learning rate", "learning rate", Unit::Nats, &|e| e.learning_rate) {
                    (plot)
                }
            }
            p.note {
                "Validation after each epoch; accuracy in training over the augmented images while they were learnt. Each "
                "term is shown without its weight, as a mean over steps; beside it its share of the gradient, with its weight, on "
                "the first batch of each epoch. The learning rate is that of an epoch's last step. The numbers lie in "
                code { "metrics.jsonl" } " of each network's folder."
            }
        }
    }
}

fn by_epoch(
    run: &Finished,
    title: &str,
    y: &str,
    unit: Unit,
    of: &dyn Fn(&EpochRecord) -> f64,
) -> Option<Markup> {
    let series = three(|stage| epochs(run.lines(stage)).map(|e| (e.epoch as f64, of(e))).collect());
    Lines { title, x: "epoch", y, unit, series, band: Vec::new() }.figure()
}

fn of_term(run: &Finished, term: &str) -> Option<Markup> {
    let series = three(|stage| {
        let lines = run.lines(stage);
        let of_epoch = epochs(lines).map(|epoch| epoch.step as f64 / epoch.epoch as f64).next();
        let steps: Vec<&StepsRecord> = lines
            .iter()
            .filter_map(|line| match line {
                Line::Steps(steps) => Some(steps),
                _ => None,
            })
            .collect();
        let all = steps
            .iter()
            .filter_map(|record| Some((record.step as f64 / of_epoch?, *record.terms.get(term)?)));
        thinned(all.collect())
    });
    let title = format!("Term {term}");
    Lines { title: &title, x: "epoch", y: "value", unit: Unit::Nats, series, band: Vec::new() }
        .figure()
}

/// Share of a term in the gradient, of networks with several terms.
fn share_of(run: &Finished, term: &str) -> Option<Markup> {
    let series = three(|stage| {
        let all = epochs(run.lines(stage));
        all.filter_map(|e| Some((e.epoch as f64, *e.gradient_shares.get(term)?))).collect()
    });
    let title = format!("Gradient share of {term}");
    Lines { title: &title, x: "epoch", y: "share", unit: Unit::Share, series, band: Vec::new() }
        .figure()
}

/// A line for each network that has points.
fn three(points: impl Fn(Stage) -> Vec<(f64, f64)>) -> Vec<Series> {
    [
        (Stage::Teacher, Ink::Teacher),
        (Stage::Baseline, Ink::Baseline),
        (Stage::Student, Ink::Student),
    ]
    .map(|(stage, ink)| Series { name: stage.name().to_owned(), ink, points: points(stage) })
    .into_iter()
    .filter(|series| !series.points.is_empty())
    .collect()
}

fn epochs(lines: &[Line]) -> impl Iterator<Item = &EpochRecord> {
    lines.iter().filter_map(|line| match line {
        Line::Epoch(epoch) => Some(epoch),
        _ => None,
    })
}

/// Means of as many points in a row as make few enough.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let of = points.len().div_ceil(POINTS).max(1);
    let means = points.chunks(of).map(|some| {
        let sum = some.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
        (sum.0 / some.len() as f64, sum.1 / some.len() as f64)
    });
    means.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_points_become_means_of_some_in_a_row() {
        let points: Vec<_> = (0..300).map(|at| (f64::from(at), 2.0 * f64::from(at))).collect();
        let few = thinned(points.clone());
        assert_eq!((few.len(), few[0]), (100, (1.0, 2.0)));
        assert_eq!(thinned(points[..7].to_vec()), points[..7]);
    }
}
