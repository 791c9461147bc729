//! The CPU kernels, layer by layer, forward and backward, at a batch of 64. Says what share of the
//! machine's measured peak each one reaches, counting the operations of the plain convolution: Winograd's
//! have fewer, and may be beyond the peak.
#![expect(clippy::print_stderr, reason = "criterion has no place for the share of the peak")]

use std::time::Instant;

use burn::tensor::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use distill_benches::numbers;
use distill_kernels::{
    Activation, After, ConvOptions, FeatureMaps, Path, Statistics, batch_norm, conv2d,
    measured_peak,
};

const BATCH: usize = 64;

/// Side of the map, channels in and out, window, stride, groups.
const CONVOLUTIONS: [[usize; 6]; 11] = [
    [32, 3, 32, 3, 1, 1],
    [32, 16, 16, 3, 1, 1],
    [32, 32, 32, 3, 1, 1],
    [16, 64, 64, 3, 1, 1],
    [8, 128, 128, 3, 1, 1],
    [4, 512, 512, 3, 1, 1],
    [2, 512, 512, 3, 1, 1],
    [16, 32, 64, 3, 2, 1],
    [16, 64, 128, 1, 1, 1],
    [32, 32, 64, 1, 2, 1],
    [16, 96, 96, 3, 1, 96],
];

fn convolutions(criterion: &mut Criterion) {
    let peak = measured_peak();
    eprintln!("path {}, peak {:.0} Gflop/s", Path::chosen().name(), peak / 1e9);
    let mut group = criterion.benchmark_group("kernels/conv");
    group.sample_size(10);
    for [side, inputs, outputs, kernel, stride, groups] in CONVOLUTIONS {
        let device = Device::flex();
        let options = ConvOptions { stride, padding: kernel / 2, groups };
        let shape = [outputs, inputs / groups, kernel, kernel];
        let weight: Tensor<4> = numbers(shape, 2, &device);
        let out = side.div_ceil(stride);
        let operations = 2 * BATCH * out * out * outputs * inputs / groups * kernel * kernel;
        let name = format!("{inputs}-{outputs}/{side}x{side}/{kernel}x{kernel}/{stride}/{groups}");

        // In the memory of channels last, as inside a network.
        let last = numbers([BATCH, side, side, inputs], 1, &device);
        let maps = FeatureMaps::new(last.clone().permute([0, 3, 1, 2]));
        let forward = || conv2d(maps.clone(), weight.clone(), None, options, None);
        group.throughput(Throughput::Elements(operations as u64));
        group.bench_function(format!("{name}/forward"), |b| b.iter(forward));
        say(&name, "forward", operations, peak, || drop(forward()));

        // With a product and a sum of the output, which give it a gradient.
        let learning = last.autodiff().require_grad();
        let weight = weight.autodiff().require_grad();
        let wanted = numbers([BATCH, out, out, outputs], 3, &device).autodiff();
        let both = || {
            let maps = FeatureMaps::new(learning.clone().permute([0, 3, 1, 2]));
            let y = conv2d(maps, weight.clone(), None, options, None).into_tensor();
            (y.permute([0, 2, 3, 1]) * wanted.clone()).sum().backward()
        };
        group.throughput(Throughput::Elements(3 * operations as u64));
        group.bench_function(format!("{name}/forward-backward"), |b| b.iter(both));
        say(&name, "forward and backward", 3 * operations, peak, || drop(both()));
    }
    group.finish();
}

/// The median of some runs, as a share of the peak.
fn say(name: &str, what: &str, operations: usize, peak: f64, run: impl Fn()) {
    let mut seconds: Vec<f64> = (0..9)
        .map(|_| {
            let started = Instant::now();
            run();
            started.elapsed().as_secs_f64()
        })
        .collect();
    seconds.sort_by(f64::total_cmp);
    let rate = operations as f64 / seconds[4];
    let (rate, share) = (rate / 1e9, rate / peak);
    eprintln!("{name}, {what}: {rate:.0} Gflop/s, {share:.2} of the peak");
}

fn norms(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut group = criterion.benchmark_group("kernels/norm-relu");
    group.sample_size(10);
    for (side, channels, pool) in [(32, 32, false), (32, 32, true), (16, 64, true), (8, 64, false)]
    {
        let x = numbers([BATCH, side, side, channels], 1, &device).require_grad();
        let out = if pool { side / 2 } else { side };
        let wanted = numbers([BATCH, out, out, channels], 4, &device);
        let gamma = numbers([channels], 2, &device).require_grad();
        let beta = numbers([channels], 3, &device).require_grad();
        group.throughput(Throughput::Elements((BATCH * channels * side * side) as u64));
        let pooled = if pool { "/pool" } else { "" };
        group.bench_function(format!("{channels}/{side}x{side}{pooled}"), |b| {
            b.iter(|| {
                let after = After { residual: None, activation: Activation::Relu, pool };
                let maps = FeatureMaps::new(x.clone().permute([0, 3, 1, 2]));
                let (gamma, beta) = (gamma.clone(), beta.clone());
                let (y, _) = batch_norm(maps, gamma, beta, Statistics::OfBatch, 1e-5, after);
                (y.into_tensor().permute([0, 2, 3, 1]) * wanted.clone()).sum().backward()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, convolutions, norms);
criterion_main!(benches);
