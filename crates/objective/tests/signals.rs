//! Which rows and epochs count, and in which precision, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Bool, DType, Device, FloatDType, Int, Tensor};
use common::{BATCH, CLASSES, COMPARING, labels, logits, parsed, soft};
use distill_objective::{Objective, SignalError, Signals, TermConfig};
use distill_testkit::{cpu_devices, relative_l2, values};

/// Two sequences of two positions, one of them ignored: as the three rows that count, whatever the fourth
/// holds.
#[test]
fn sequences_are_the_rows_that_count() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        let (student, teacher) = logits(&device);
        let three = |rows: Tensor<2>| rows.narrow(0, 0, 3);
        let labels = Tensor::<1, Int>::from_data([0, 5, 2, -100], &device);
        let mask = Tensor::<2, Bool>::from_data([[true, true], [true, false]], &device);
        let broken = |rows: Tensor<2>| {
            let nothing = Tensor::full([1, CLASSES], f64::NAN, &device);
            Tensor::cat(vec![three(rows), nothing], 0).reshape([2, 2, CLASSES])
        };
        for term in COMPARING.into_iter().chain([r#"{"term": "cross-entropy"}"#]) {
            let objective = parsed(term);
            let ours = broken(student.clone()).detach().require_grad();
            let theirs = Some(broken(teacher.clone()));
            let labels_of_both = labels.clone().reshape([2, 2]);
            let sequences =
                Signals::of_sequences(ours.clone(), theirs, labels_of_both, mask.clone()).unwrap();
            let total = objective.evaluate(&sequences).unwrap().total;
            let gradient = values(ours.grad(&total.clone().backward()).unwrap());

            let rows = three(student.clone()).detach().require_grad();
            let plain = Signals::new(rows.clone(), labels.clone().narrow(0, 0, 3)).unwrap();
            let plain = plain.with_teacher(three(teacher.clone())).unwrap();
            let expected = objective.evaluate(&plain).unwrap().total;
            let mut expected_gradient = values(rows.grad(&expected.clone().backward()).unwrap());
            expected_gradient.extend([0.0; CLASSES]);

            let (total, expected) = (values(total)[0], values(expected)[0]);
            assert!((total - expected).abs() < 1e-5 * expected, "{backend}, {term}: {total}");
            let off = relative_l2(&gradient, &expected_gradient);
            assert!(off < 1e-5, "{backend}, {term}: gradient off by {off:e}");
        }
    }
}

/// A loss of half-precision logits is that of the same numbers in single precision, and so is its gradient.
#[test]
fn half_precision_is_widened() {
    let device = Device::flex().autodiff();
    let (student, teacher) = logits(&device);
    let half = |rows: Tensor<2>| (rows * 20.0).detach().cast(FloatDType::F16);
    for term in COMPARING {
        let objective = parsed(term);
        let of = |student: Tensor<2>, teacher: Tensor<2>| {
            let student = student.require_grad();
            let signals = Signals::new(student.clone(), labels(&device)).unwrap();
            let signals = signals.with_teacher(teacher).unwrap();
            let total = objective.evaluate(&signals).unwrap().total;
            assert_eq!(total.dtype(), DType::F32);
            let gradient = student.grad(&total.clone().backward()).unwrap();
            (values(total)[0], values(gradient.cast(FloatDType::F32)))
        };
        let wide = |rows: Tensor<2>| half(rows).cast(FloatDType::F32);
        let (loss, gradient) = of(half(student.clone()), half(teacher.clone()));
        let (expected, expected_gradient) = of(wide(student.clone()), wide(teacher.clone()));
        assert_eq!(loss, expected, "{term}");
        let off = relative_l2(&gradient, &expected_gradient);
        assert!(off < 1e-3, "{term}: gradient off by {off:e}, rounded to half precision");
    }
}

#[test]
fn weights_of_samples_weigh_rows_and_are_not_normalised() {
    let (_, device) = cpu_devices().remove(0);
    let (student, teacher) = logits(&device);
    let all = Signals::new(student, labels(&device)).unwrap().with_teacher(teacher).unwrap();
    let weighted = |weights: [f64; BATCH]| {
        let weights = Tensor::<1>::from_data(weights, &device);
        let signals = all.clone().with_sample_weights(weights).unwrap();
        values(soft(2.0).evaluate(&signals).unwrap().total)[0]
    };
    let plain = values(soft(2.0).evaluate(&all).unwrap().total)[0];
    assert!((weighted([3.0; BATCH]) - 3.0 * plain).abs() < 1e-5);
    let (even, odd) = (weighted([1.0, 0.0, 1.0, 0.0]), weighted([0.0, 1.0, 0.0, 1.0]));
    assert!((even + odd - plain).abs() < 1e-6, "{even} + {odd}, {plain}");
    let short = Tensor::<1>::from_data([1.0], &device);
    let error = all.clone().with_sample_weights(short).unwrap_err();
    assert!(matches!(error, SignalError::Rows { count: 1, .. }));
}

#[test]
fn terms_count_in_their_epochs() {
    let (_, device) = cpu_devices().remove(0);
    let (student, teacher) = logits(&device);
    let all = Signals::new(student, labels(&device)).unwrap().with_teacher(teacher).unwrap();
    let terms = [
        r#"{"term": "soft-targets", "temperature": {"from": 8, "to": 2, "epochs": 3},
            "weight": {"from": 0, "to": 1, "epochs": 4}}"#,
        r#"{"term": "cross-entropy", "weight": {"to": 0.5, "first": 3, "last": 5}}"#,
    ];
    let terms: Vec<TermConfig> = terms.map(|t| serde_json::from_str(t).unwrap()).into();
    let objective = Objective::new(&terms).unwrap();
    assert_eq!(
        objective.formula(),
        "(0.00→1.00 over 4 epochs)·T²·KL(T=(8→2 over 3 epochs)) + 0.50[3..5]·CE"
    );
    for (epoch, temperature, soft_weight, names) in [
        (1, 6.0, 0.25, vec!["soft-targets"]),
        (3, 2.0, 0.75, vec!["soft-targets", "cross-entropy"]),
        (9, 2.0, 1.0, vec!["soft-targets"]),
    ] {
        let value = objective.evaluate(&all.clone().in_epoch(epoch)).unwrap();
        let found: Vec<&str> = value.terms.iter().map(|term| term.name.as_str()).collect();
        assert_eq!((found, objective.names_in(epoch)), (names.clone(), names));
        assert_eq!(value.terms[0].weight, soft_weight);
        let plain = values(soft(temperature).evaluate(&all).unwrap().total)[0];
        assert_eq!(values(value.terms[0].value.clone())[0], plain);
    }
    assert_eq!(objective.names().len(), 2);
}
