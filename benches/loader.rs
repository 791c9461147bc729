//! An epoch of augmented batches in host memory, and a batch's way to the device.

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use distill_datasets::{
    Augment, Loader,
    digits::{DigitsConfig, digits},
};

fn loader(criterion: &mut Criterion) {
    let set = digits(DigitsConfig { train: 2048, test: 10, seed: 0 });
    let mut group = criterion.benchmark_group("loader/epoch-of-2048");
    group.throughput(Throughput::Elements(2048));
    for workers in [1, 2] {
        let augment = vec![Augment::PadCrop(4), Augment::Flip];
        let loader = Loader::shuffled(set.train.clone(), 64, 1, augment).with_workers(workers);
        group.bench_function(BenchmarkId::new("workers", workers), |b| {
            b.iter(|| loader.epoch(1, 0).map(|batch| batch.len()).sum::<usize>());
        });
    }
    group.finish();

    let device = Device::flex();
    let batch = Loader::in_order(set.train.clone(), 64).epoch(1, 0).next().expect("a batch");
    criterion.bench_function("loader/to-device/64x3x32x32", |b| {
        b.iter(|| set.normalisation.apply(batch.clone().to_device(&device).images));
    });
}

criterion_group!(benches, loader);
criterion_main!(benches);
