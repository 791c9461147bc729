//! A training step of the tutorial's student and the forward pass of both its networks.

use burn::{
    module::Module,
    optim::{AdamConfig, GradientsParams, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    tensor::Device,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use distill_benches::{labels, numbers};
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_models::{Architecture, Network, Overrides, Signature};
use distill_objective::{CrossEntropyConfig, Objective, Signals, TermConfig};

const BATCH: usize = 64;

fn network(name: &str, device: &Device) -> Network {
    let signature = Signature::images([3, 32, 32], 10);
    let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
    Architecture::named(name, Overrides::default())
        .and_then(|architecture| architecture.init(&signature, &mut rng, device))
        .expect("a network of the zoo")
}

fn step(criterion: &mut Criterion) {
    let device = Device::flex();
    let images = numbers([BATCH, 3, 32, 32], 1, &device);
    let labels = labels(BATCH, 10, &device).autodiff();
    let mut group = criterion.benchmark_group("step/batch-64");
    group.sample_size(10).throughput(Throughput::Elements(BATCH as u64));

    for name in ["vgg-small", "vgg-large"] {
        let evaluating = network(name, &device).valid();
        group.bench_function(format!("{name}/forward"), |b| {
            b.iter(|| evaluating.forward(images.clone()).into_data());
        });
    }

    let terms = [TermConfig::CrossEntropy(CrossEntropyConfig::default())];
    let objective = Objective::new(&terms).expect("constants in range");
    let mut student = network("vgg-small", &device).train();
    let mut optimizer = AdamConfig::new().init();
    group.bench_function("vgg-small/train", |b| {
        b.iter(|| {
            let logits = student.forward(images.clone().autodiff());
            let signals = Signals::new(logits, labels.clone()).expect("one label a row");
            let total = objective.evaluate(&signals).expect("labels are enough").total;
            let gradients = GradientsParams::from_grads(total.backward(), &student);
            let rate = ModuleLearningRate::from(1e-4);
            student = optimizer.step(rate, student.clone(), gradients);
        });
    });
    group.finish();
}

criterion_group!(benches, step);
criterion_main!(benches);
