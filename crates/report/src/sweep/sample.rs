//! Sweeps for tests.

use distill_driver::{Difference, Figure, Over};

use super::{Point, PointFigures, Sweep};

/// A sweep of one field: value, parameters and latency of each point.
pub(super) fn sample(points: &[(&str, u64, Option<f64>)]) -> Sweep {
    let points = points.iter().enumerate().map(|(at, (value, parameters, latency))| {
        let accuracy = Figure::of(vec![0.5 + 0.01 * at as f64]);
        Point {
            name: format!("field={value}"),
            values: vec![(*value).to_owned()],
            runs: Vec::new(),
            failures: Vec::new(),
            figures: Some(PointFigures {
                seeds: vec![1],
                formula: "CE".to_owned(),
                architecture: "net".to_owned(),
                validation: accuracy.clone(),
                top1_last: accuracy.clone(),
                top1_selected: accuracy.clone(),
                nll: Figure::of(vec![1.0]),
                baseline: Figure::of(vec![0.4]),
                gain: Difference {
                    figure: Figure::of(vec![0.1]),
                    interval: Some([0.05, 0.15]),
                    over: Over::Images,
                },
                parameters: *parameters,
                macs: *parameters,
                bytes: 4 * parameters,
                latency: *latency,
            }),
        }
    });
    Sweep {
        schema: 1,
        recipe: "recipe".to_owned(),
        backend: "flex".to_owned(),
        settings: Vec::new(),
        fields: vec!["field".to_owned()],
        seeds: vec![1],
        points: points.collect(),
    }
}
