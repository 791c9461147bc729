//! What must hold for any signals, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::tensor::{Device, Int, Tensor};
use distill_objective::{
    ConfigError, CrossEntropyConfig, Objective, SignalError, Signals, SoftTargetsConfig,
    TermConfig, soft_target_kl,
};
use distill_testkit::{
    cpu_devices, matrix, numeric_gradient, relative_l2, synthetic_logits, values,
};

const BATCH: usize = 4;
const CLASSES: usize = 6;

#[test]
fn equal_logits_give_zero() {
    for (backend, device) in cpu_devices() {
        let logits = matrix(&synthetic_logits(BATCH, CLASSES, 1), &device);
        for temperature in [0.5, 1.0, 20.0] {
            let loss = values(soft_target_kl(logits.clone(), logits.clone(), temperature))[0];
            assert!(loss.abs() < 1e-6, "{backend}, T={temperature}: {loss}");
        }
    }
}

#[test]
fn a_shift_of_all_logits_changes_nothing() {
    for (backend, device) in cpu_devices() {
        let (student, teacher) = logits(&device);
        let plain = values(soft_target_kl(student.clone(), teacher.clone(), 3.0))[0];
        let shifted = values(soft_target_kl(student + 7.0, teacher - 5.0, 3.0))[0];
        assert!((plain - shifted).abs() < 1e-5 * plain, "{backend}: {plain} and {shifted}");
    }
}

/// T²·KL tends to `‖z̃_s − z̃_t‖² / (2C)` with zero-mean logits (Hinton et al. 2015, section 2.1).
#[test]
fn high_temperature_tends_to_logit_matching() {
    for (backend, device) in cpu_devices() {
        let (student, teacher) = logits(&device);
        let centred = |z: Tensor<2>| z.clone() - z.mean_dim(1);
        let gap = centred(student.clone()) - centred(teacher.clone());
        let limit = values(gap.powi_scalar(2).sum())[0] / (2 * CLASSES * BATCH) as f64;
        let loss = values(soft_target_kl(student, teacher, 50.0))[0];
        assert!((loss / limit - 1.0).abs() < 0.05, "{backend}: {loss}, limit {limit}");
    }
}

#[test]
fn gradients_match_finite_differences() {
    let terms = [
        TermConfig::SoftTargets(SoftTargetsConfig { temperature: 3.0, weight: 0.7 }),
        TermConfig::CrossEntropy(CrossEntropyConfig { weight: 0.5, label_smoothing: 0.1 }),
    ];
    let objective = Objective::new(&terms).unwrap();
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        let point: Vec<f64> = synthetic_logits(BATCH, CLASSES, 1).concat();
        let evaluate = |x: &[f64]| {
            let rows: Vec<Vec<f64>> = x.chunks(CLASSES).map(<[f64]>::to_vec).collect();
            let student = matrix(&rows, &device).require_grad();
            (student.clone(), objective.evaluate(&signals(student, &device)).unwrap().total)
        };
        let (student, total) = evaluate(&point);
        let exact = values(student.grad(&total.backward()).unwrap());
        let numeric = numeric_gradient(&point, 1e-2, |x| values(evaluate(x).1)[0]);
        let off = relative_l2(&exact, &numeric);
        assert!(off < 2e-3, "{backend}: off by {off:e} relative");
    }
}

#[test]
fn no_gradient_reaches_the_teacher() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        let (student, teacher) = logits(&device);
        let (student, teacher) = (student.require_grad(), teacher.require_grad());
        let signals = Signals::new(student.clone(), labels(&device)).unwrap();
        let signals = signals.with_teacher(teacher.clone() * 2.0).unwrap();
        let gradients = soft(2.0).evaluate(&signals).unwrap().total.backward();
        assert!(student.grad(&gradients).is_some(), "{backend}");
        assert!(teacher.grad(&gradients).is_none(), "{backend}");
    }
}

#[test]
fn saturated_logits_stay_finite() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        let rows = vec![vec![1e4, -1e4, 0.0], vec![-1e4, 1e4, 1e4], vec![0.0, 0.0, 0.0]];
        let student = matrix(&rows, &device).require_grad();
        let teacher = matrix(&[rows[1].clone(), rows[0].clone(), rows[0].clone()], &device);
        let labels = Tensor::<1, Int>::from_data([1, 2, 0], &device);
        let signals = Signals::new(student.clone(), labels).unwrap().with_teacher(teacher).unwrap();
        let both = [
            TermConfig::SoftTargets(Default::default()),
            TermConfig::CrossEntropy(Default::default()),
        ];
        let total = Objective::new(&both).unwrap().evaluate(&signals).unwrap().total;
        let gradient = values(student.grad(&total.clone().backward()).unwrap());
        assert!(values(total)[0].is_finite(), "{backend}");
        assert!(gradient.iter().all(|g| g.is_finite()), "{backend}: {gradient:?}");
    }
}

#[test]
fn values_out_of_range_are_refused_by_name() {
    for temperature in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error =
            refused(TermConfig::SoftTargets(SoftTargetsConfig { temperature, weight: 1.0 }));
        assert_eq!(error.field, "objective[0].temperature");
        assert_eq!(error.value, temperature.to_string());
    }
    for weight in [-0.1, f64::NAN, f64::INFINITY] {
        let config = CrossEntropyConfig { weight, ..Default::default() };
        assert_eq!(refused(TermConfig::CrossEntropy(config)).field, "objective[0].weight");
    }
    for label_smoothing in [-0.1, 1.0, f64::NAN] {
        let config = CrossEntropyConfig { label_smoothing, ..Default::default() };
        let error = refused(TermConfig::CrossEntropy(config));
        assert_eq!(error.field, "objective[0].label_smoothing");
    }
    assert_eq!(Objective::new(&[]).unwrap_err().field, "objective");
}

#[test]
fn signals_that_do_not_belong_together_are_refused() {
    let (_, device) = cpu_devices().remove(0);
    let (student, _) = logits(&device);
    let short = Tensor::<1, Int>::from_data([0, 1], &device);
    let error = Signals::new(student.clone(), short).unwrap_err();
    assert_eq!(error, SignalError::LabelCount { batch: BATCH, labels: 2 });

    let signals = Signals::new(student, labels(&device)).unwrap();
    let error = soft(2.0).evaluate(&signals).unwrap_err();
    assert_eq!(error, SignalError::NoTeacher { term: "soft-targets" });

    let other = matrix(&synthetic_logits(BATCH, CLASSES + 1, 2), &device);
    assert!(matches!(signals.with_teacher(other), Err(SignalError::TeacherShape { .. })));
}

#[test]
fn a_term_of_weight_zero_is_not_computed() {
    let (_, device) = cpu_devices().remove(0);
    let (student, _) = logits(&device);
    let terms = [
        TermConfig::SoftTargets(SoftTargetsConfig { temperature: 2.0, weight: 0.0 }),
        TermConfig::CrossEntropy(CrossEntropyConfig::default()),
    ];
    let objective = Objective::new(&terms).unwrap();
    assert!(!objective.needs_teacher());
    let without_teacher = Signals::new(student, labels(&device)).unwrap();
    assert_eq!(objective.evaluate(&without_teacher).unwrap().terms.len(), 1);
}

#[test]
fn terms_of_one_name_are_told_apart() {
    let soft = |temperature| {
        TermConfig::SoftTargets(SoftTargetsConfig { temperature, ..Default::default() })
    };
    let objective = Objective::new(&[soft(2.0), soft(8.0)]).unwrap();
    assert_eq!(objective.names(), ["soft-targets", "soft-targets-2"]);
}

#[test]
fn recipes_refuse_unknown_fields_and_terms() {
    let parse = |text| toml::from_str::<TermConfig>(text);
    assert!(parse("term = \"soft-targets\"\ntemperature = 5\nweight = 0.4").is_ok());
    let error = parse("term = \"soft-targets\"\ntemprature = 5").unwrap_err().to_string();
    assert!(error.contains("temprature"), "{error}");
    let error = parse("term = \"soft-target\"").unwrap_err().to_string();
    assert!(error.contains("soft-targets"), "{error}");
}

fn logits(device: &Device) -> (Tensor<2>, Tensor<2>) {
    let make = |variant| matrix(&synthetic_logits(BATCH, CLASSES, variant), device);
    (make(1), make(0x5555_5555))
}

fn labels(device: &Device) -> Tensor<1, Int> {
    Tensor::from_data([0, 5, 2, 3], device)
}

fn signals(student: Tensor<2>, device: &Device) -> Signals {
    let (_, teacher) = logits(device);
    Signals::new(student, labels(device)).unwrap().with_teacher(teacher).unwrap()
}

fn soft(temperature: f64) -> Objective {
    let config = SoftTargetsConfig { temperature, weight: 1.0 };
    Objective::new(&[TermConfig::SoftTargets(config)]).unwrap()
}

fn refused(config: TermConfig) -> ConfigError {
    Objective::new(&[config]).expect_err("a value out of range")
}
