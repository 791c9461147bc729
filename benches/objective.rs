//! Forward and backward of the tutorial's objective at several sizes.

use burn::tensor::Device;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use distill_benches::{labels, numbers};
use distill_objective::{CrossEntropyConfig, Objective, Signals, SoftTargetsConfig, TermConfig};

fn objective(criterion: &mut Criterion) {
    let device = Device::flex().autodiff();
    let terms = [
        TermConfig::SoftTargets(SoftTargetsConfig {
            temperature: 5.0.into(),
            weight: 0.4.into(),
            ..Default::default()
        }),
        TermConfig::CrossEntropy(CrossEntropyConfig { weight: 0.5.into(), label_smoothing: 0.0 }),
    ];
    let objective = Objective::new(&terms).expect("constants in range");
    let mut group = criterion.benchmark_group("objective/forward-backward");
    for [batch, classes] in [[64, 10], [64, 100], [256, 1000]] {
        let student = numbers([batch, classes], 1, &device).require_grad();
        let teacher = numbers([batch, classes], 2, &device);
        let labels = labels(batch, classes, &device);
        group.bench_function(BenchmarkId::from_parameter(format!("{batch}x{classes}")), |b| {
            b.iter(|| {
                let signals = Signals::new(student.clone(), labels.clone())
                    .and_then(|signals| signals.with_teacher(teacher.clone()))
                    .expect("one shape");
                let total = objective.evaluate(&signals).expect("a teacher is there").total;
                student.grad(&total.backward())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, objective);
criterion_main!(benches);
