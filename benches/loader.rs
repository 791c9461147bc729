//! An epoch of augmented batches in host memory, and a batch's way to the device.

use std::sync::Arc;

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use distill_datasets::{
    Augment, Augmented, Loader, Part,
    digits::{DigitsConfig, digits},
};

fn loader(criterion: &mut Criterion) {
    let set = digits(DigitsConfig { train: 2048, test: 10, seed: 0 });
    let mut group = criterion.benchmark_group("loader/epoch-of-2048");
    group.throughput(Throughput::Elements(2048));
    for workers in [1, 2] {
        let augment = vec![Augment::PadCrop(4), Augment::Flip];
        let source = Arc::new(Augmented::new(set.train.clone(), augment));
        let loader = Loader::shuffled(source, 64, 1).with_workers(workers);
        group.bench_function(BenchmarkId::new("workers", workers), |b| {
            b.iter(|| {
                let epoch = loader.epoch(1, 0, Part::whole()).expect("a set in memory");
                epoch.map(|batch| batch.expect("it is there").len()).sum::<usize>()
            });
        });
    }
    group.finish();

    let device = Device::flex();
    let batch = Loader::in_order(set.train.clone(), 64).one(1, 0).expect("it is there");
    let batch = batch.expect("a batch");
    criterion.bench_function("loader/to-device/64x3x32x32", |b| {
        b.iter(|| {
            let batch = batch.clone().to_device(&device).expect("images");
            set.normalisation.apply(batch.images().expect("images"))
        });
    });
}

criterion_group!(benches, loader);
criterion_main!(benches);
