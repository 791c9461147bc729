//! Means, deviations and intervals.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

/// One figure over several runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Figure {
    /// Mean over the runs.
    pub mean: f64,
    /// Deviation of a sample (n − 1); none of one run.
    pub deviation: Option<f64>,
    /// Each run's value.
    pub values: Vec<f64>,
}

/// A difference of two networks, pair by pair.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The differences of the pairs.
    #[serde(flatten)]
    pub figure: Figure,
    /// Interval that covers the true difference in 95 of 100 cases; none where nothing tells how much it
    /// varies.
    pub interval: Option<[f64; 2]>,
    /// What the interval is over.
    pub over: Over,
}

/// What varies between the samples of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// The seeds: another run may give other weights. Student's t.
    Runs,
    /// The test images of one run: other images, the same weights. Normal approximation.
    Images,
}

impl Figure {
    /// Of values, at least one.
    pub fn of(values: Vec<f64>) -> Self {
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        let deviation = (values.len() > 1).then(|| (square / (n - 1.0)).sqrt());
        Self { mean, deviation, values }
    }
}

impl Difference {
    /// Over runs, each with its own seed.
    pub(super) fn of_runs(differences: Vec<f64>) -> Self {
        let figure = Figure::of(differences);
        let n = figure.values.len() as f64;
        let interval = figure.deviation.map(|deviation| {
            let t = StudentsT::new(0.0, 1.0, n - 1.0).expect("two runs have a degree of freedom");
            let half = t.inverse_cdf(0.975) * deviation / n.sqrt();
            [figure.mean - half, figure.mean + half]
        });
        Self { figure, interval, over: Over::Runs }
    }

    /// Of one run, from how many of `images` only one of the two networks got right.
    pub(super) fn of_images(gained: usize, lost: usize, images: usize) -> Self {
        let (gained, lost, n) = (gained as f64, lost as f64, images as f64);
        let mean = (gained - lost) / n;
        let error = ((gained + lost) / n - mean.powi(2)).sqrt() / n.sqrt();
        let half = 1.959_964 * error;
        let interval = (gained + lost > 0.0).then_some([mean - half, mean + half]);
        Self { figure: Figure::of(vec![mean]), interval, over: Over::Images }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        let figure = Figure::of(vec![1.0, 2.0, 4.5]);
        assert_eq!(figure.mean, 2.5);
        assert!((figure.deviation.unwrap() - 3.25_f64.sqrt()).abs() < 1e-12);
        // t with two degrees of freedom: 4.302653.
        let [low, high] = Difference::of_runs(figure.values).interval.unwrap();
        let half = 4.302_653 * (3.25_f64 / 3.0).sqrt();
        assert!((low - (2.5 - half)).abs() < 1e-5 && (high - (2.5 + half)).abs() < 1e-5);
        assert_eq!(Difference::of_runs(vec![0.5]).interval, None);
    }

    #[test]
    fn one_runs_interval_is_over_its_images() {
        // By hand: d = 0.02, variance (0.05 - 0.0004)/1000.
        let difference = Difference::of_images(35, 15, 1000);
        let [low, high] = difference.interval.unwrap();
        let half = 1.96 * (0.0496_f64 / 1000.0).sqrt();
        assert!((low - (0.02 - half)).abs() < 1e-6 && (high - (0.02 + half)).abs() < 1e-6);
        assert_eq!(Difference::of_images(0, 0, 1000).interval, None);
    }
}
