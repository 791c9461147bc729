//! What networks are made of: the fast operations against Burn's own, forward and backward. The same
//! functions on flex, on ndarray, which has Burn's, and on flex where checkpointing turns the fast ones off.

use burn::tensor::{Device, Tensor, TensorData};
use distill_kernels::{
    Activation, After, ConvOptions, FeatureMaps, PackedWeights, Statistics, batch_norm, conv2d,
    conv2d_then, dropout, max_pool_2x2, pad_shortcut,
};
use distill_testkit::{cpu_devices, relative_l2, values};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

const BOUND: f64 = 2e-5;

fn numbers<const D: usize>(shape: [usize; D], seed: u64, device: &Device) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let values: Vec<f32> = (0..shape.iter().product())
        .map(|_| (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0)
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Every backend, and flex without the fast operations; with gradients.
fn devices() -> Vec<(String, Device)> {
    let all = cpu_devices().into_iter().map(|(name, d)| (name.to_owned(), d.autodiff()));
    let slow = Device::flex().autodiff().gradient_checkpointing();
    all.chain([("flex without".to_owned(), slow)]).collect()
}

/// Asserts that outputs and gradients are equal on all devices.
fn agree(what: &str, run: impl Fn(&Device) -> Vec<Vec<f64>>) {
    let all: Vec<_> = devices().into_iter().map(|(name, d)| (name, run(&d))).collect();
    for (name, results) in &all[1..] {
        for (at, (ours, theirs)) in all[0].1.iter().zip(results).enumerate() {
            let off = relative_l2(ours, theirs);
            assert!(off < BOUND, "{what}, {name}, number {at}: off by {off:e}");
        }
    }
}

fn options(stride: usize, padding: usize, groups: usize) -> ConvOptions {
    ConvOptions { stride, padding, groups }
}

#[test]
fn flex_is_fast_and_the_others_are_not() {
    let is_fast = |device: &Device| FeatureMaps::new(numbers([1, 2, 3, 3], 1, device)).is_fast();
    let fast: Vec<bool> = devices().iter().map(|(_, device)| is_fast(device)).collect();
    assert_eq!(fast, [true, false, false]);
    assert!(is_fast(&Device::flex()));
}

#[test]
fn convolutions_agree() {
    for (inputs, outputs, kernel, options) in [
        (3, 16, 3, options(1, 1, 1)),
        (16, 24, 3, options(1, 1, 1)),
        (16, 24, 3, options(2, 1, 1)),
        (12, 10, 1, options(1, 0, 1)),
        (12, 10, 1, options(2, 0, 1)),
        (12, 12, 3, options(2, 1, 12)),
        (12, 18, 1, options(1, 0, 3)),
    ] {
        convolution_agrees([inputs, outputs, kernel], [7, 6], options);
    }
}

#[test]
fn convolutions_of_any_window_stride_and_padding_agree() {
    for (inputs, outputs, kernel, options) in [
        // Patches of an image.
        (3, 24, 16, options(16, 0, 1)),
        (3, 16, 4, options(4, 0, 1)),
        (16, 24, 2, options(1, 0, 1)),
        (16, 24, 2, options(1, 1, 1)),
        (16, 24, 2, options(2, 0, 1)),
        (16, 24, 4, options(2, 1, 1)),
        (16, 24, 4, options(3, 2, 1)),
        (16, 24, 3, options(1, 0, 1)),
        (16, 24, 3, options(1, 2, 1)),
        (16, 24, 3, options(4, 0, 1)),
        (16, 24, 1, options(1, 1, 1)),
        (12, 12, 2, options(2, 0, 12)),
        (12, 12, 4, options(1, 2, 12)),
        (12, 12, 3, options(1, 0, 12)),
        (12, 18, 4, options(2, 0, 3)),
    ] {
        convolution_agrees([inputs, outputs, kernel], [32, 33], options);
    }
}

fn convolution_agrees(
    [inputs, outputs, kernel]: [usize; 3],
    [height, width]: [usize; 2],
    options: ConvOptions,
) {
    for with_bias in [false, true] {
        agree(&format!("{inputs} to {outputs}, {kernel}, {options:?}"), |device| {
            let x = numbers([3, inputs, height, width], 1, device).require_grad();
            let shape = [outputs, inputs / options.groups, kernel, kernel];
            let weight = numbers(shape, 2, device).require_grad();
            let bias = numbers([outputs], 3, device).require_grad();
            let given = with_bias.then(|| bias.clone());
            let maps = FeatureMaps::new(x.clone());
            let y = conv2d(maps, weight.clone(), given, options, None).into_tensor();
            let grads = (y.clone() * numbers(y.dims(), 4, device)).sum().backward();
            let mut all = vec![values(y)];
            all.push(values(x.grad(&grads).expect("x has one")));
            all.push(values(weight.grad(&grads).expect("the weight has one")));
            all.extend(bias.grad(&grads).map(values));
            assert_eq!(all.len(), if with_bias { 4 } else { 3 });
            all
        });
    }
}

#[test]
fn norms_and_what_follows_them_agree() {
    for activation in [Activation::Identity, Activation::Relu, Activation::Relu6] {
        for (with_residual, pool) in [(false, false), (true, false), (false, true)] {
            for of_batch in [true, false] {
                let what = format!("{activation:?}, {with_residual}, {pool}, {of_batch}");
                agree(&what, |device| {
                    let shape = [4, 10, 7, 6];
                    let x = numbers(shape, 1, device).require_grad();
                    let gamma = (numbers([10], 2, device) * 3.0).detach().require_grad();
                    let beta = numbers([10], 3, device).require_grad();
                    let added = numbers(shape, 4, device).require_grad();
                    let statistics = if of_batch {
                        Statistics::OfBatch
                    } else {
                        let variance = numbers([10], 6, device).abs() + 0.5;
                        Statistics::Given(numbers([10], 5, device), variance)
                    };
                    let residual = with_residual.then(|| FeatureMaps::new(added.clone()));
                    let after = After { residual, activation, pool };
                    let maps = FeatureMaps::new(x.clone());
                    let (y, used) =
                        batch_norm(maps, gamma.clone(), beta.clone(), statistics, 1e-5, after);
                    let y = y.into_tensor();
                    let grads = (y.clone() * numbers(y.dims(), 7, device)).sum().backward();
                    let mut all = vec![values(y), values(x.grad(&grads).expect("x has one"))];
                    all.extend([gamma, beta].map(|p| values(p.grad(&grads).expect("it has one"))));
                    all.extend(added.grad(&grads).map(values));
                    assert_eq!(used.is_some(), of_batch);
                    all.extend(used.into_iter().flat_map(|(m, v)| [values(m), values(v)]));
                    all
                });
            }
        }
    }
}

#[test]
fn pooling_and_the_shortcut_agree() {
    agree("max pool", |device| {
        let x = numbers([2, 5, 7, 6], 1, device).require_grad();
        let y = max_pool_2x2(FeatureMaps::new(x.clone())).into_tensor();
        let grads = (y.clone() * numbers(y.dims(), 2, device)).sum().backward();
        vec![values(y), values(x.grad(&grads).expect("x has one"))]
    });
    for stride in [1, 2] {
        agree("shortcut", |device| {
            let x = numbers([2, 5, 7, 6], 1, device).require_grad();
            let y = pad_shortcut(FeatureMaps::new(x.clone()), stride, 2, 1).into_tensor();
            let grads = (y.clone() * numbers(y.dims(), 2, device)).sum().backward();
            vec![values(y), values(x.grad(&grads).expect("x has one"))]
        });
    }
}

#[test]
fn dropout_drops_the_same_forward_and_backward_and_another_time_others() {
    for (name, device) in devices() {
        let x = numbers([4, 6, 30, 31], 1, &device).require_grad();
        let other = || numbers([4, 6, 30, 31], 2, &device);
        let run = || {
            let y = dropout(FeatureMaps::new(x.clone()), 0.2).into_tensor();
            let grads = (y.clone() * other()).sum().backward();
            [values(y), values(x.grad(&grads).expect("x has one"))]
        };
        device.seed(1);
        let ([y, dx], [later, _]) = (run(), run());
        let (x, dy) = (values(x.clone()), values(other()));
        let mut dropped = 0;
        for at in 0..x.len() {
            let is_dropped = y[at] == 0.0 && x[at] != 0.0;
            let scale = if is_dropped { 0.0 } else { 1.25 };
            let off = (y[at] - x[at] * scale).abs().max((dx[at] - dy[at] * scale).abs());
            assert!(off < 1e-6, "{name}, number {at}: off by {off:e}");
            dropped += usize::from(is_dropped);
        }
        let off = dropped as f64 - 0.2 * x.len() as f64;
        assert!(off.abs() < 4.0 * (0.16 * x.len() as f64).sqrt(), "{name}: {dropped} dropped");
        assert_ne!(y, later, "{name}: another time");
        device.seed(1);
        assert_eq!(run()[0], y, "{name}: the same seed");
    }
    let plain = FeatureMaps::new(numbers([1, 2, 3, 3], 1, &Device::flex()));
    assert_eq!(values(dropout(plain.clone(), 0.5).into_tensor()), values(plain.into_tensor()));
}

#[test]
fn sums_parts_and_means_of_maps_agree() {
    agree("maps", |device| {
        let x = numbers([2, 6, 3, 4], 1, device).require_grad();
        let maps = FeatureMaps::new(x.clone());
        let shuffled = maps.clone().shuffle(3).channels(1, 4);
        let all = shuffled.concat(maps.channels(0, 2)).add(FeatureMaps::new(x.clone()));
        let y = all.map(|x| x.powi_scalar(2)).means();
        let grads = (y.clone() * numbers(y.dims(), 2, device)).sum().backward();
        vec![values(y), values(x.grad(&grads).expect("x has one"))]
    });
}

#[test]
fn a_gradient_is_only_made_where_it_is_wanted() {
    let device = Device::flex().autodiff();
    let x = numbers([2, 16, 4, 4], 1, &device);
    let weight = numbers([16, 16, 3, 3], 2, &device).require_grad();
    let y = conv2d(FeatureMaps::new(x.clone()), weight.clone(), None, options(1, 1, 1), None);
    let grads = y.into_tensor().sum().backward();
    assert!(x.grad(&grads).is_none() && weight.grad(&grads).is_some());
}

#[test]
fn a_convolution_and_its_norm_in_one_are_the_two() {
    let device = Device::flex();
    for with_bias in [false, true] {
        let maps = || FeatureMaps::new(numbers([3, 16, 6, 6], 1, &device));
        let weight = numbers([20, 16, 3, 3], 2, &device);
        let bias = with_bias.then(|| numbers([20], 3, &device));
        let channel = |seed| numbers([20], seed, &device);
        let statistics = Statistics::Given(channel(4), channel(5).abs() + 0.5);
        let residual = Some(FeatureMaps::new(numbers([3, 20, 6, 6], 8, &device)));
        let apart = conv2d(maps(), weight.clone(), bias.clone(), options(1, 1, 1), None);
        let activation = Activation::Relu;
        let after = After { residual: residual.clone(), activation, pool: false };
        let (gamma, beta) = (channel(6), channel(7));
        let (apart, _) =
            batch_norm(apart, gamma.clone(), beta.clone(), statistics.clone(), 1e-5, after);
        let norm = (gamma, beta, statistics, 1e-5);
        let weights = (weight, bias);
        let one = conv2d_then(maps(), weights, options(1, 1, 1), None, norm, residual, activation);
        let off = relative_l2(&values(one.into_tensor()), &values(apart.into_tensor()));
        assert!(off < 1e-6, "off by {off:e}");
    }
}

#[test]
fn packed_weights_follow_the_weights() {
    let device = Device::flex();
    let packed = PackedWeights::default();
    let run = |weight: &Tensor<4>, packed: Option<&PackedWeights>| {
        let maps = FeatureMaps::new(numbers([2, 16, 5, 5], 1, &device));
        let y = conv2d(maps, weight.clone(), None, options(1, 1, 1), packed);
        values(y.into_tensor())
    };
    for seed in [2, 3, 2] {
        // The memory of the weights before is free again by now.
        let weight = numbers([16, 16, 3, 3], seed, &device);
        let right = run(&weight, None);
        assert_eq!(run(&weight, Some(&packed)), right);
        assert_eq!(run(&weight, Some(&packed)), right);
    }
    // A view that begins elsewhere in the same memory.
    let both = numbers([32, 16, 3, 3], 4, &device);
    for half in [both.clone().narrow(0, 0, 16), both.narrow(0, 16, 16)] {
        assert_eq!(run(&half, Some(&packed)), run(&half, None));
    }
}
