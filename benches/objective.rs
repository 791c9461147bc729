//! Forward and backward of every term: of logits at three sizes, of features at maps of `[64, 64, 8, 8]`.

use burn::{
    module::Module,
    tensor::{Device, Int, Tensor, TensorData},
};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use distill_benches::{labels, numbers};
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_objective::{
    Contrast, Features, Negatives, Objective, Signals, TERMS, TermConfig, TermInfo,
};

fn of_logits(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut group = criterion.benchmark_group("objective/logits");
    for [batch, classes] in [[64, 10], [64, 100], [256, 1000]] {
        let student = numbers([batch, classes], 1, &device).require_grad();
        let teacher = numbers([batch, classes], 2, &device);
        let labels = labels(batch, classes, &device);
        for term in TERMS.iter().filter(|term| !is_of_features(term)) {
            let objective = objective(term);
            let id = BenchmarkId::new(term.name, format!("{batch}x{classes}"));
            group.bench_function(id, |b| {
                b.iter(|| {
                    let signals = Signals::new(student.clone(), labels.clone())
                        .and_then(|signals| signals.with_teacher(teacher.clone()))
                        .expect("one shape");
                    let total = objective.evaluate(&signals).expect("a teacher is there").total;
                    student.grad(&total.backward())
                });
            });
        }
    }
    group.finish();
}

fn of_features(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let mut group = criterion.benchmark_group("objective/features-64x64x8x8");
    group.sample_size(10);
    let student = numbers([64, 64, 8, 8], 1, &device).require_grad();
    let named = |map: &Tensor<4>| -> Features {
        [("block.preact", map.clone()), ("block", map.clone())].into_iter().collect()
    };
    let teacher = named(&numbers([64, 64, 8, 8], 2, &device));
    let logits = numbers([64, 10], 3, &device);
    for term in TERMS.iter().filter(|term| is_of_features(term)) {
        let objective = objective(term);
        let signals = Signals::new(logits.clone(), labels(64, 10, &device)).expect("64 rows");
        let mut signals = signals.with_features(named(&student), teacher.clone());
        if let Some(count) = objective.negatives() {
            signals = signals.with_contrast(contrast(count, &device));
        }
        let connectors = objective.connect(&signals, 1).expect("equal maps");
        let connectors = connectors.train();
        group.bench_function(term.name, |b| {
            b.iter(|| {
                let mut connectors = connectors.clone();
                let value = objective.evaluate_with(&signals, &mut connectors);
                student.grad(&value.expect("all signals are there").total.backward())
            });
        });
    }
    group.finish();
}

/// As in a training set of 10,000 images.
fn contrast(count: usize, device: &Device) -> Contrast {
    let all: Vec<i32> = (0..10_000).map(|index| index % 10).collect();
    let batch: Vec<i32> = (0..64).collect();
    let classes: Vec<i32> = batch.iter().map(|index| index % 10).collect();
    let mut rng = KeyedRng::new(1, 0, 0, Operation::Negatives);
    let drawn = Negatives::new(&all, 10).draw(&classes, count, || rng.below(u32::MAX));
    Contrast {
        samples: all.len(),
        positives: Tensor::<1, Int>::from_data(batch.as_slice(), device),
        negatives: Tensor::from_data(TensorData::new(drawn, [64, count]), device),
    }
}

fn objective(term: &TermInfo) -> Objective {
    let config: TermConfig =
        serde_json::from_value(serde_json::json!({ "term": term.name })).expect("it has defaults");
    Objective::new(&[config]).expect("defaults are in range")
}

fn is_of_features(term: &TermInfo) -> bool {
    term.needs.starts_with("features")
}

criterion_group!(benches, of_logits, of_features);
criterion_main!(benches);
