//! Losses where plain formulas lose their digits, and signals that no loss can use, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "common/terms.rs"]
mod terms;

use burn::{
    module::Module,
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use distill_objective::{Contrast, Objective, SignalError, Signals};
use distill_testkit::{Compared, cpu_devices, read_golden, values};
use terms::{COMPARING, parsed};

#[test]
fn losses_keep_their_digits() {
    for (backend, device) in cpu_devices() {
        for case in read_golden("tests/golden/edges.json").cases {
            let both = [case.compare(&device), case.compare_in_double(&device, 1e-4)];
            for (precision, all) in ["single", "double"].into_iter().zip(both) {
                for Compared { what, off, allowed } in all {
                    let place = format!("{backend}, {precision}, {}, {what}", case.name);
                    assert!(off < allowed, "{place} off by {off:e}, expected below {allowed:e}");
                }
            }
        }
    }
}

/// Where the student gives no probability to what the teacher expects, the loss is large, and finite.
#[test]
fn a_class_without_probability_leaves_numbers() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        let logits = [[1.0, f64::NEG_INFINITY, 0.5, -1.0], [f64::NEG_INFINITY, 2.0, 0.1, 0.0]];
        let plain = [[0.3, 1.0, 0.5, 2.0], [0.1, 0.2, 0.3, -4.0]];
        for dtype in [DType::F32, DType::F64] {
            let of = |rows: [[f64; 4]; 2]| -> Tensor<2> {
                Tensor::from_data(TensorData::from(rows), (&device, dtype))
            };
            for (what, student, teacher) in [
                ("student", logits, plain),
                ("teacher", plain, logits),
                ("both", logits, logits),
                ("the lowest numbers", logits.map(|row| row.map(|z| z.max(-3.4e38))), plain),
            ] {
                for term in COMPARING.into_iter().chain([r#"{"term": "cross-entropy"}"#]) {
                    let student = of(student).require_grad();
                    let labels = Tensor::<1, Int>::from_data([0, 2], &device);
                    let signals = Signals::new(student.clone(), labels).unwrap();
                    let signals = signals.with_teacher(of(teacher)).unwrap();
                    let total = parsed(term).evaluate(&signals).unwrap().total;
                    let gradient = values(student.grad(&total.clone().backward()).unwrap());
                    let value = values(total)[0];
                    let place = format!("{backend}, {dtype:?}, {term}, {what}");
                    assert!(value.is_finite(), "{place}: {value}");
                    assert!(gradient.iter().all(|g| g.is_finite()), "{place}: {gradient:?}");
                }
            }
        }
    }
}

/// What is not a number is not hidden.
#[test]
fn nan_stays_nan() {
    for (backend, device) in cpu_devices() {
        for term in COMPARING {
            let student = Tensor::<2>::from_data([[1.0, f32::NAN, 0.5], [0.0, 1.0, 2.0]], &device);
            let teacher = Tensor::<2>::from_data([[1.0, 0.0, 0.5], [0.0, 1.0, 2.0]], &device);
            let labels = Tensor::<1, Int>::from_data([0, 2], &device);
            let signals = Signals::new(student, labels).unwrap().with_teacher(teacher).unwrap();
            let value = values(parsed(term).evaluate(&signals).unwrap().total)[0];
            assert!(value.is_nan(), "{backend}, {term}: {value}");
        }
    }
}

#[test]
fn what_no_loss_can_use_is_refused() {
    let device = Device::flex();
    let logits = |rows: usize, classes: usize| Tensor::<2>::zeros([rows, classes], &device);
    let labels = |labels: &[i32]| Tensor::<1, Int>::from_data(labels, &device);
    let refused = |term: &str, signals: &Signals| parsed(term).evaluate(signals).unwrap_err();
    let both = |rows, classes, of: &[i32]| {
        let signals = Signals::new(logits(rows, classes), labels(of)).unwrap();
        signals.with_teacher(logits(rows, classes)).unwrap()
    };
    for term in COMPARING.into_iter().chain([r#"{"term": "cross-entropy"}"#]) {
        assert_eq!(refused(term, &both(0, 6, &[])), SignalError::Empty, "{term}");
        assert_eq!(refused(term, &both(2, 0, &[0, 0])), SignalError::Empty, "{term}");
        if !term.contains("logit-mse") {
            let error = refused(term, &both(2, 1, &[0, 0])).to_string();
            assert!(error.contains("objective[0]"), "{term}: {error}");
        }
        for (wrong, row) in [([0, 6], 1), ([-100, 0], 0)] {
            let error = refused(term, &both(2, 6, &wrong));
            let label = i64::from(wrong[row]);
            assert_eq!(error, SignalError::Label { row, label, classes: 6 }, "{term}");
            assert!(error.to_string().contains("`with_mask`") || row == 1, "{error}");
        }
    }
    let error = refused(r#"{"term": "top-k", "k": 3}"#, &both(1, 3, &[0])).to_string();
    assert!(error.contains("objective[0].k") && error.contains("3 classes"), "{error}");
    let soft = r#"{"term": "soft-targets"}"#;
    let bare = Signals::of_logits(logits(2, 3));
    assert_eq!(refused(soft, &bare), SignalError::NoTeacher { term: "soft-targets" });
    let hard = r#"{"term": "cross-entropy"}"#;
    assert_eq!(refused(hard, &bare), SignalError::NoLabels { term: "cross-entropy" });
    let map = Tensor::<4>::zeros([2, 3, 1, 1], &device);
    let features = Signals::of_features([("a", map.clone())], [("a", map)]);
    assert_eq!(refused(hard, &features), SignalError::NoLogits { term: "cross-entropy" });
    let wide = features.clone().with_teacher(logits(2, 3)).unwrap_err();
    assert!(matches!(wide, SignalError::NoLogits { .. }), "{wide}");
    assert!(features.with_labels(labels(&[0, 1, 2])).is_err());
}

/// A batch of three is never compared with a batch of one.
#[test]
fn features_of_another_batch_are_refused() {
    let device = Device::flex();
    let map = |batch: usize| Tensor::<4>::ones([batch, 4, 2, 2], &device);
    for term in ["attention", "nst", "pkt", "similarity", "correlation", "rkd", "hint", "vid"] {
        let objective = parsed(&format!(r#"{{"term": "{term}", "taps": [["s", "t"]]}}"#));
        let same = Signals::of_features([("s", map(3))], [("t", map(3))]);
        let mut connectors = objective.connect(&same, 1).unwrap().train();
        for (student, teacher) in [(3, 1), (1, 3), (3, 2), (0, 0)] {
            let signals = Signals::of_features([("s", map(student))], [("t", map(teacher))]);
            let error = objective.evaluate_with(&signals, &mut connectors).unwrap_err();
            if student == 0 {
                assert_eq!(error, SignalError::Empty, "{term}");
                continue;
            }
            let text = error.to_string();
            let expected = format!("`s` of {student} samples with `t` of {teacher}");
            assert!(text.contains(term) && text.contains(&expected), "{text}");
        }
        let none = Tensor::<3>::ones([3, 0, 4], &device);
        let empty = Signals::of_features([("s", none.clone())], [("t", none)]);
        let error = objective.evaluate_with(&empty, &mut connectors).unwrap_err();
        assert_eq!(error, SignalError::Empty, "{term}");
        let logits = Tensor::<2>::zeros([4, 2], &device);
        let beside = Signals::of_logits(logits)
            .with_features([("s", map(3))].into(), [("t", map(3))].into());
        let error = objective.evaluate_with(&beside, &mut connectors).unwrap_err().to_string();
        assert!(error.contains("beside 4 rows of logits"), "{error}");
    }
}

#[test]
fn places_of_a_contrast_are_checked() {
    let device = Device::flex();
    let map = || Tensor::<4>::ones([2, 4, 1, 1], &device);
    let objective = parsed(r#"{"term": "crd", "dim": 3, "negatives": 2}"#);
    let contrast = |positives: [i32; 2], negatives: Vec<i32>, rows: usize| {
        let shape = [rows, negatives.len() / rows];
        Signals::of_features([("a", map())], [("a", map())]).with_contrast(Contrast {
            samples: 5,
            positives: Tensor::from_data(positives, &device),
            negatives: Tensor::from_data(TensorData::new(negatives, shape), &device),
        })
    };
    let fine = contrast([0, 4], vec![1, 2, 3, 1], 2);
    let mut connectors = objective.connect(&fine, 1).unwrap().train();
    assert!(objective.evaluate_with(&fine, &mut connectors).is_ok());
    for (signals, problem) in [
        (contrast([0, 5], vec![1, 2, 3, 1], 2), "place 5"),
        (contrast([0, 1], vec![1, 2, 3, -1], 2), "place -1"),
        (contrast([0, 1], vec![1, 2], 1), "2 samples and negatives [1, 2]"),
    ] {
        let error = objective.evaluate_with(&signals, &mut connectors).unwrap_err().to_string();
        assert!(error.contains(problem) && error.contains("expected"), "{error}");
    }
}

/// A norm over one value for each channel says nothing of it.
#[test]
fn a_norm_over_one_value_is_refused() {
    let device = Device::flex();
    let map = |batch: usize, side: usize| Tensor::<4>::ones([batch, 4, side, side], &device);
    for term in ["hint", "overhaul", "review"] {
        let objective: Objective =
            parsed(&format!(r#"{{"term": "{term}", "taps": [["s", "t"]]}}"#));
        let two = Signals::of_features([("s", map(2, 1))], [("t", map(2, 1))]);
        let mut connectors = objective.connect(&two, 1).unwrap().train();
        assert!(objective.evaluate_with(&two, &mut connectors).is_ok());
        let one = Signals::of_features([("s", map(1, 1))], [("t", map(1, 1))]);
        let error = objective.evaluate_with(&one, &mut connectors).unwrap_err();
        assert!(matches!(error, SignalError::OneValue { .. }), "{error}");
        assert!(error.to_string().contains(term), "{error}");
    }
}
