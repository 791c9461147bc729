//! Norms and what follows them.

use super::{Draw, reference::Norm, relative_l2, with_threads};
use crate::{
    Activation,
    cpu::{
        Path,
        map::Map,
        memory::poison,
        norm::{self, Layer},
    },
};

const BOUND: f64 = 1e-5;

#[test]
fn outputs_and_gradients_are_those_of_the_reference() {
    poison(true);
    let mut rng = Draw::new(21);
    for round in 0..if cfg!(miri) { 4 } else { 200 } {
        let sides = [1, 2, 3, 4, 7, 8, 14];
        let map = Map {
            batch: rng.of(&[2, 3, 5]),
            height: rng.of(&sides),
            width: rng.of(&sides),
            channels: rng.of(&[1, 3, 10, 16, 33, 64, 80]),
        };
        // Statistics of fewer numbers amplify their rounding.
        if map.pixels() < 8 {
            continue;
        }
        let pool = map.height > 1 && map.width > 1 && rng.of(&[true, false]);
        let with_residual = !pool && rng.of(&[true, false]);
        let activation = rng.of(&[Activation::Identity, Activation::Relu, Activation::Relu6]);
        let mean = rng.of(&[0.0, 0.0, 10.0]);
        let x: Vec<f32> = rng.numbers(map.length()).into_iter().map(|x| x + mean).collect();
        let gamma: Vec<f32> = rng.numbers(map.channels).into_iter().map(|g| g * 3.0).collect();
        let beta = rng.numbers(map.channels);
        let residual = with_residual.then(|| rng.numbers(map.length()));
        let right = Norm {
            x: &x,
            map,
            gamma: &gamma,
            beta: &beta,
            residual: residual.as_deref(),
            activation,
            pool,
            epsilon: 1e-5,
        };
        let (mean, variance) = right.statistics();
        let mut draw = Draw::new(round);
        let (y, dy, [dx, dgamma, dbeta, g]) = right.run(|length| draw.numbers(length));
        for path in Path::available() {
            let ours = || {
                let (mean, variance) = norm::statistics(path, &x, map);
                let statistics: [&[f32]; 2] = [&mean, &variance];
                let mut layer = Layer::new(map, [&gamma, &beta], statistics, 1e-5);
                (layer.activation, layer.pool) = (activation, pool);
                let residual = residual.as_deref();
                let y = norm::apply(path, &layer, &x, residual);
                let back = norm::gradients(path, &layer, &x, residual, &dy, statistics, 1e-5, true);
                let passed = back.residual.map_or(Vec::new(), |g| g.to_vec());
                [mean, variance, y.to_vec(), back.x.to_vec(), back.gamma, back.beta, passed]
            };
            let alone = with_threads(1, ours);
            let right = [&mean, &variance, &y, &dx, &dgamma, &dbeta, &g];
            let names = ["mean", "variance", "y", "dx", "dγ", "dβ", "residual"];
            for (name, (ours, right)) in names.iter().zip(alone.iter().zip(right)) {
                if ours.is_empty() {
                    // The residual's gradient is what came in.
                    assert!(
                        *name == "residual"
                            && (!with_residual || activation == Activation::Identity)
                    );
                    continue;
                }
                let off = relative_l2(ours, right);
                // A mean far from zero costs digits of single precision before the norm sees it.
                let bound = if x[0].abs() > 5.0 { 10.0 * BOUND } else { BOUND };
                let place =
                    format!("round {round}, {path:?}, {map:?}, {activation:?}, pool {pool}");
                assert!(off < bound, "{place}, {name}: off by {off:e}");
            }
            assert!(with_threads(3, ours) == alone, "round {round}, {path:?}: threads change bits");
        }
    }
}

#[test]
fn given_statistics_are_constants() {
    let mut rng = Draw::new(2);
    let map = Map { batch: 2, height: 3, width: 3, channels: 5 };
    let (x, dy) = (rng.numbers(map.length()), rng.numbers(map.length()));
    let (mean, variance) = (rng.numbers(5), vec![0.5; 5]);
    let gamma = rng.numbers(5);
    for path in Path::available() {
        let layer = Layer::new(map, [&gamma, &[0.0; 5]], [&mean, &variance], 0.0);
        let back = norm::gradients(path, &layer, &x, None, &dy, [&mean, &variance], 0.0, false);
        let right: Vec<f64> = (0..map.length())
            .map(|at| f64::from(gamma[at % 5]) / 0.5_f64.sqrt() * f64::from(dy[at]))
            .collect();
        assert!(relative_l2(&back.x, &right) < BOUND, "{path:?}");
    }
}

#[test]
fn equal_pixels_give_the_gradient_to_the_first() {
    let map = Map { batch: 1, height: 2, width: 2, channels: 1 };
    for path in Path::available() {
        let mut layer = Layer::new(map, [&[1.0], &[0.0]], [&[0.0], &[1.0]], 0.0);
        layer.pool = true;
        let statistics: [&[f32]; 2] = [&[0.0], &[1.0]];
        let back = norm::gradients(path, &layer, &[0.5; 4], None, &[3.0], statistics, 0.0, false);
        assert_eq!(*back.x, [3.0, 0.0, 0.0, 0.0], "{path:?}");
    }
}

#[test]
fn what_is_no_number_stays_so() {
    let map = Map { batch: 1, height: 1, width: 4, channels: 1 };
    let x = [f32::NAN, -1.0, f32::INFINITY, 7.0];
    for path in Path::available() {
        for activation in [Activation::Identity, Activation::Relu, Activation::Relu6] {
            let mut layer = Layer::new(map, [&[1.0], &[0.0]], [&[0.0], &[1.0]], 0.0);
            layer.activation = activation;
            let y = norm::apply(path, &layer, &x, None);
            assert!(y[0].is_nan(), "{path:?}, {activation:?}: {y:?}");
        }
    }
}

#[test]
fn sums_of_channels_are_right() {
    poison(true);
    let mut rng = Draw::new(9);
    for channels in [1, 16, 33, 100] {
        let map = Map { batch: 3, height: 5, width: 7, channels };
        let x = rng.numbers(map.length());
        let right: Vec<f64> = (0..channels)
            .map(|c| x.iter().skip(c).step_by(channels).map(|x| f64::from(*x)).sum())
            .collect();
        for path in Path::available() {
            assert!(relative_l2(&norm::channel_sums(path, &x, map), &right) < BOUND);
        }
    }
}
