//! Classes that a network confuses, put together: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 5.2.

use crate::evaluation::{Predictions, softmax};

/// It ends after a few; nearly equal sums might let it go in a circle.
const ROUNDS: usize = 1000;

/// The cluster of each class, from 0: K-means over the columns of the covariance of a network's probabilities, so
/// that classes which it gives probability together, or confuses with the same others, come to lie together.
///
/// The paper runs K-means online over its many classes. Here it starts from columns that lie far from one another
/// (the first class, then the one farthest from those taken) and goes on until nothing changes, so that the result
/// depends on nothing else. Clusters are numbered in the order of their first classes. Where classes are alike to the
/// network, there may be fewer than asked for.
///
/// # Panics
/// Unless `count` is from 1 to the classes.
pub(crate) fn clusters(predictions: &Predictions, count: usize) -> Vec<usize> {
    let columns = covariance(predictions);
    let classes = columns.len();
    assert!((1..=classes).contains(&count), "from 1 to {classes} clusters");
    let mut centres = vec![columns[0].clone()];
    while centres.len() < count {
        let next = farthest(&columns, |column| {
            centres.iter().map(|centre| distance(column, centre)).fold(f64::INFINITY, f64::min)
        });
        centres.push(next);
    }
    let mut of = vec![usize::MAX; classes];
    for _ in 0..ROUNDS {
        let nearest: Vec<usize> = columns.iter().map(|column| nearest(column, &centres)).collect();
        if nearest == of {
            break;
        }
        of = nearest;
        for (at, centre) in centres.iter_mut().enumerate() {
            let own: Vec<&Vec<f64>> =
                columns.iter().zip(&of).filter(|(_, of)| **of == at).map(|(c, _)| c).collect();
            if let Some(first) = own.first() {
                *centre = (0..first.len())
                    .map(|row| own.iter().map(|c| c[row]).sum::<f64>() / own.len() as f64)
                    .collect();
            }
        }
    }
    numbered(of)
}

/// Columns of the covariance of probabilities over images, `classes` by `classes`.
fn covariance(predictions: &Predictions) -> Vec<Vec<f64>> {
    let rows: Vec<Vec<f64>> = predictions.rows().map(|row| softmax(row, 1.0)).collect();
    let (n, classes) = (rows.len() as f64, rows.first().map_or(0, Vec::len));
    let means: Vec<f64> =
        (0..classes).map(|class| rows.iter().map(|row| row[class]).sum::<f64>() / n).collect();
    let mut entries = vec![vec![0.0; classes]; classes];
    for (a, entries) in entries.iter_mut().enumerate() {
        for (b, entry) in entries.iter_mut().enumerate() {
            let products = rows.iter().map(|row| (row[a] - means[a]) * (row[b] - means[b]));
            *entry = products.sum::<f64>() / n;
        }
    }
    entries
}

fn distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum()
}

fn nearest(column: &[f64], centres: &[Vec<f64>]) -> usize {
    let gap = |at: &usize| distance(column, &centres[*at]);
    let at = (0..centres.len()).min_by(|a, b| gap(a).total_cmp(&gap(b)));
    at.expect("there is a centre")
}

/// Of columns that are equally far the first one.
fn farthest(columns: &[Vec<f64>], gap: impl Fn(&Vec<f64>) -> f64) -> Vec<f64> {
    let mut best = &columns[0];
    for column in columns {
        if gap(column) > gap(best) {
            best = column;
        }
    }
    best.clone()
}

fn numbered(of: Vec<usize>) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    of.into_iter()
        .map(|cluster| {
            seen.iter().position(|other| *other == cluster).unwrap_or_else(|| {
                seen.push(cluster);
                seen.len() - 1
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_are_confused_lie_together() {
        // Images of four classes, each mistaken for the next but one.
        let mut rows = Vec::new();
        for class in 0..4 {
            for doubt in [0.1, 0.5, -0.2, 1.0] {
                let mut row = [-9.0_f32; 4];
                (row[class], row[(class + 2) % 4]) = (doubt, 0.0);
                rows.extend(row);
            }
        }
        let labels = vec![0; rows.len() / 4];
        let predictions = Predictions::from_logits(rows, labels, 4);
        assert_eq!(clusters(&predictions, 2), [0, 1, 0, 1]);
        assert_eq!(clusters(&predictions, 1), [0; 4]);
        assert_eq!(clusters(&predictions, 4), [0, 1, 2, 3], "each its own");
    }
}
