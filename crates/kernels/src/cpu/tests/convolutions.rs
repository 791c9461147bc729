//! Convolutions.

use super::{Draw, reference, relative_l2, with_threads};
use crate::{
    Activation,
    cpu::{
        Path,
        conv::{self, Method},
        finish::Finish,
        map::Map,
        memory::poison,
        shape::Shape,
        winograd::{self, Direction, Four, Two},
    },
};

const BOUND: f64 = 1e-5;

/// A convolution that somebody could ask for.
fn draw(rng: &mut Draw) -> (Map, Shape) {
    let sides = [1, 2, 3, 4, 5, 6, 7, 8, 11, 14];
    let channels = [1, 2, 3, 10, 16, 17, 31, 33, 48];
    let map = Map {
        batch: rng.of(&[1, 2, 3, 5]),
        height: rng.of(&sides),
        width: rng.of(&sides),
        channels: rng.of(&channels),
    };
    let (inputs, outputs) = (map.channels, rng.of(&channels));
    let kernel = rng.of(&[1, 3, 3, 5, 7]);
    let (stride, padding) = (rng.of(&[1, 2, 3]), rng.of(&[0, 1, 1, 1, 2]) * (kernel / 2));
    let shape = Shape { inputs, outputs, kernel, stride, padding, groups: 1 };
    match rng.of(&[0, 0, 1, 2, 3, 3]) {
        1 => (map, Shape { outputs: inputs, groups: inputs, ..shape }),
        2 => {
            let groups = rng.of(&[2, 3]);
            let map = Map { channels: inputs * groups, ..map };
            (map, Shape { inputs: map.channels, outputs: outputs * groups, groups, ..shape })
        }
        // What most layers of a network are.
        3 => (map, Shape { kernel: 3, stride: 1, padding: 1, ..shape }),
        _ => (map, shape),
    }
}

fn fits(map: Map, shape: Shape) -> bool {
    map.height.min(map.width) + 2 * shape.padding >= shape.kernel
}

#[test]
fn outputs_and_gradients_are_those_of_the_reference() {
    poison(true);
    let mut rng = Draw::new(7);
    let mut seen = [0; 4];
    for round in 0..if cfg!(miri) { 6 } else { 400 } {
        let (map, shape) = draw(&mut rng);
        if !fits(map, shape) {
            continue;
        }
        seen[Method::of(shape, map) as usize] += 1;
        check(round, map, shape, &mut rng);
    }
    let enough = if cfg!(miri) { 0 } else { 10 };
    assert!(seen.iter().all(|count| *count >= enough), "{seen:?} of each method");
}

#[test]
fn the_sizes_of_networks_are_right_too() {
    poison(true);
    let mut rng = Draw::new(11);
    let sizes = [
        (32, 32, 32, 1),
        (16, 64, 64, 1),
        (8, 128, 128, 1),
        (4, 256, 256, 1),
        (2, 256, 256, 1),
        (14, 33, 10, 1),
        (16, 16, 32, 2),
        (7, 96, 64, 1),
    ];
    for (round, (side, inputs, outputs, stride)) in sizes.into_iter().enumerate() {
        if cfg!(miri) {
            break;
        }
        let map = Map { batch: 2, height: side, width: side, channels: inputs };
        let shape = Shape { inputs, outputs, kernel: 3, stride, padding: 1, groups: 1 };
        check(round, map, shape, &mut rng);
    }
}

fn check(round: usize, map: Map, shape: Shape, rng: &mut Draw) {
    let out = shape.output(map);
    let x = rng.numbers(map.length());
    let weights = rng.numbers(shape.outputs * shape.inputs / shape.groups * shape.kernel.pow(2));
    let dy = rng.numbers(out.length());
    let [y, dx, dw] = reference::convolution(&x, map, &weights, shape, &dy);
    for path in Path::available() {
        let ours = || {
            let packed = conv::pack(path, &weights, shape, map);
            [
                conv::forward(path, &x, map, &packed, shape, &Finish::default()).to_vec(),
                conv::map_gradient(path, &dy, map, &weights, shape).to_vec(),
                conv::weight_gradient(path, &x, map, &dy, shape).to_vec(),
            ]
        };
        let alone = with_threads(1, ours);
        for (what, (ours, right)) in ["y", "dx", "dw"].iter().zip(alone.iter().zip([&y, &dx, &dw]))
        {
            let off = relative_l2(ours, right);
            let place = format!("round {round}, {path:?}, {map:?}, {shape:?}, {what}");
            assert!(off < BOUND, "{place}: off by {off:e}");
        }
        assert!(with_threads(3, ours) == alone, "round {round}, {path:?}: threads change bits");
    }
}

#[test]
fn both_tilings_are_right_where_the_other_is_taken() {
    poison(true);
    let mut rng = Draw::new(3);
    for side in [1, 2, 3, 6, 7] {
        let map = Map { batch: 2, height: side, width: side + 1, channels: 20 };
        let shape = Shape { inputs: 20, outputs: 35, kernel: 3, stride: 1, padding: 1, groups: 1 };
        let (x, dy) = (rng.numbers(map.length()), rng.numbers(shape.output(map).length()));
        let weights = rng.numbers(20 * 35 * 9);
        let [y, _, dw] = reference::convolution(&x, map, &weights, shape, &dy);
        for path in Path::available() {
            let finish = Finish::default();
            let four = winograd::pack::<Four>(path, &weights, 35, 20, Direction::Forward);
            let two = winograd::pack::<Two>(path, &weights, 35, 20, Direction::Forward);
            let four = winograd::forward::<Four>(path, &x, map, &four, 35, &finish);
            let two = winograd::forward::<Two>(path, &x, map, &two, 35, &finish);
            assert!(relative_l2(&four, &y) < BOUND && relative_l2(&two, &y) < BOUND);
            let four = winograd::gradient::<Four>(path, &x, map, &dy, 35);
            let two = winograd::gradient::<Two>(path, &x, map, &dy, 35);
            assert!(relative_l2(&four, &dw) < BOUND && relative_l2(&two, &dw) < BOUND);
        }
    }
}

#[test]
fn what_follows_a_convolution_is_done_to_each_sum() {
    poison(true);
    let mut rng = Draw::new(5);
    for kernel in [1, 3, 5] {
        for (outputs, groups) in [(10, 1), (48, 1), (10, 2)] {
            let map = Map { batch: 2, height: 5, width: 6, channels: 24 };
            let padding = kernel / 2;
            let shape = Shape { inputs: 24, outputs, kernel, stride: 1, padding, groups };
            let x = rng.numbers(map.length());
            let weights = rng.numbers(outputs * 24 / groups * kernel * kernel);
            let (scale, shift) = (rng.numbers(outputs), rng.numbers(outputs));
            let residual = rng.numbers(shape.output(map).length());
            let [y, ..] = reference::convolution(&x, map, &weights, shape, &residual);
            let finished = y.iter().enumerate().map(|(at, y)| {
                let channel = at % outputs;
                let z = f64::from(scale[channel]) * y + f64::from(shift[channel]);
                (z + f64::from(residual[at])).clamp(0.0, 6.0)
            });
            let right: Vec<f64> = finished.collect();
            for path in Path::available() {
                let mut finish = Finish::affine(Some(&scale), Some(&shift));
                (finish.residual, finish.activation) =
                    (Some(residual.as_slice()), Activation::Relu6);
                let packed = conv::pack(path, &weights, shape, map);
                let ours = conv::forward(path, &x, map, &packed, shape, &finish);
                assert!(
                    relative_l2(&ours, &right) < BOUND,
                    "{path:?}, kernel {kernel}, groups {groups}"
                );
            }
        }
    }
}
