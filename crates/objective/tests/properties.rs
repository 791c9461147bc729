//! What must hold for any signals, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use burn::tensor::{Device, Int, Tensor};
use common::{BATCH, CLASSES, COMPARING, labels, logits, parsed, soft};
use distill_objective::{
    ConfigError, CrossEntropyConfig, Objective, Schedule, SignalError, Signals, SoftTargetsConfig,
    TermConfig, soft_target_kl,
};
use distill_testkit::{
    cpu_devices, matrix, numeric_gradient, relative_l2, synthetic_logits, values,
};

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
        TermConfig::SoftTargets(SoftTargetsConfig {
            temperature: 3.0.into(),
            weight: 0.7.into(),
            ..Default::default()
        }),
        TermConfig::CrossEntropy(CrossEntropyConfig { weight: 0.5.into(), label_smoothing: 0.1 }),
    ];
    let objective = Objective::new(&terms).unwrap();
    for (backend, device) in cpu_devices() {
        let off = off_by(&objective, &device.autodiff());
        assert!(off < 2e-3, "{backend}: off by {off:e} relative");
    }
}

/// How far the gradient is from finite differences, relative.
fn off_by(objective: &Objective, device: &Device) -> f64 {
    let point: Vec<f64> = synthetic_logits(BATCH, CLASSES, 1).concat();
    let evaluate = |x: &[f64]| {
        let rows: Vec<Vec<f64>> = x.chunks(CLASSES).map(<[f64]>::to_vec).collect();
        let student = matrix(&rows, device).require_grad();
        (student.clone(), objective.evaluate(&signals(student, device)).unwrap().total)
    };
    let (student, total) = evaluate(&point);
    let exact = values(student.grad(&total.backward()).unwrap());
    let numeric = numeric_gradient(&point, 1e-2, |x| values(evaluate(x).1)[0]);
    relative_l2(&exact, &numeric)
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
        let error = refused(TermConfig::SoftTargets(SoftTargetsConfig {
            temperature: temperature.into(),
            weight: 1.0.into(),
            ..Default::default()
        }));
        assert_eq!(error.field, "objective[0].temperature");
        assert_eq!(error.value, temperature.to_string());
    }
    for weight in [-0.1, f64::NAN, f64::INFINITY] {
        let config = CrossEntropyConfig { weight: weight.into(), ..Default::default() };
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
    assert_eq!(error, SignalError::Rows { what: "labels", rows: BATCH, count: 2 });

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
        TermConfig::SoftTargets(SoftTargetsConfig {
            temperature: 2.0.into(),
            weight: 0.0.into(),
            ..Default::default()
        }),
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
        TermConfig::SoftTargets(SoftTargetsConfig {
            temperature: Schedule::from(temperature),
            ..Default::default()
        })
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

#[test]
fn every_comparison_of_equal_logits_is_zero() {
    for (backend, device) in cpu_devices() {
        let (student, _) = logits(&device);
        for term in COMPARING {
            // A cross entropy is at least the entropy of its targets, and a spread remainder is not
            // the teacher's.
            if term.contains("cross-entropy") || term.contains("uniform") {
                continue;
            }
            let signals = Signals::new(student.clone(), labels(&device)).unwrap();
            let signals = signals.with_teacher(student.clone()).unwrap();
            let loss = values(parsed(term).evaluate(&signals).unwrap().total)[0];
            assert!(loss.abs() < 5e-6, "{backend}, {term}: {loss}");
        }
    }
}

#[test]
fn every_comparison_of_probabilities_is_blind_to_shifts() {
    for (backend, device) in cpu_devices() {
        let (student, teacher) = logits(&device);
        for term in COMPARING.into_iter().filter(|term| !term.contains("logit-mse")) {
            let value = |student: Tensor<2>, teacher: Tensor<2>| {
                let signals = Signals::new(student, labels(&device)).unwrap();
                let signals = signals.with_teacher(teacher).unwrap();
                values(parsed(term).evaluate(&signals).unwrap().total)[0]
            };
            let plain = value(student.clone(), teacher.clone());
            let shifted = value(student.clone() + 7.0, teacher.clone() - 5.0);
            assert!(
                (plain - shifted).abs() < 2e-5 * plain,
                "{backend}, {term}: {plain}, {shifted}"
            );
        }
    }
}

#[test]
fn every_gradient_matches_finite_differences() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        // No gradient flows through the weights of samples, which a difference of losses sees.
        for term in COMPARING.into_iter().filter(|term| !term.contains("weighted")) {
            let off = off_by(&parsed(term), &device);
            assert!(off < 3e-3, "{backend}, {term}: off by {off:e} relative");
        }
    }
}

/// Soft targets are TCKD + (1 − p_t(y))·NCKD (Zhao et al. 2022, equation 7).
#[test]
fn soft_targets_are_the_sum_of_decoupled_parts() {
    for (backend, device) in cpu_devices() {
        let (student, teacher) = logits(&device);
        for (row, label) in [0, 5, 2, 3].into_iter().enumerate() {
            let student = student.clone().narrow(0, row, 1);
            let teacher = teacher.clone().narrow(0, row, 1);
            let p = values(distill_objective::log_softmax_at(teacher.clone(), 2.0))[label].exp();
            let labels = Tensor::<1, Int>::from_data([label as i64], &device);
            let signals = Signals::new(student, labels).unwrap().with_teacher(teacher).unwrap();
            let value = |term: &str| values(parsed(term).evaluate(&signals).unwrap().total)[0];
            let whole = value(r#"{"term": "soft-targets", "temperature": 2}"#);
            let parts = value(&format!(
                r#"{{"term": "decoupled", "temperature": 2, "non_target": {}}}"#,
                1.0 - p
            ));
            assert!((whole - parts).abs() < 5e-6 * whole.max(1.0), "{backend}: {whole}, {parts}");
        }
    }
}

/// What DIST is for: a student that scales and shifts its probabilities loses nothing.
#[test]
fn dist_sees_ranks_and_not_scale() {
    let (_, device) = cpu_devices().remove(0);
    let (student, _) = logits(&device);
    let p = distill_objective::log_softmax_at(student.clone(), 1.0).exp();
    // Half the probabilities and half the uniform distribution: another scale, another shift.
    let flat = (p * 0.5 + 0.5 / CLASSES as f64).log();
    let signals = Signals::new(flat, labels(&device)).unwrap().with_teacher(student).unwrap();
    let term = r#"{"term": "dist", "temperature": 1}"#;
    let loss = values(parsed(term).evaluate(&signals).unwrap().total)[0];
    assert!(loss.abs() < 5e-6, "{loss}");
}

#[test]
fn jensen_shannon_lies_between_its_ends() {
    let (_, device) = cpu_devices().remove(0);
    let (student, teacher) = logits(&device);
    let signals = Signals::new(student, labels(&device)).unwrap().with_teacher(teacher).unwrap();
    let value = |term: &str| values(parsed(term).evaluate(&signals).unwrap().total)[0];
    let forward = value(r#"{"term": "soft-targets", "temperature": 1}"#);
    let reverse = value(r#"{"term": "reverse-kl"}"#);
    let low = value(r#"{"term": "jensen-shannon", "mixing": 0.005}"#) / 0.005;
    let high = value(r#"{"term": "jensen-shannon", "mixing": 0.995}"#) / 0.005;
    assert!((low / forward - 1.0).abs() < 0.05, "{low} and {forward}");
    assert!((high / reverse - 1.0).abs() < 0.05, "{high} and {reverse}");
}

/// With all classes but one, nothing is put together; with fewer, a little is lost and nothing gained.
#[test]
fn top_k_is_a_lower_bound_of_soft_targets() {
    for (backend, device) in cpu_devices() {
        let (student, teacher) = logits(&device);
        let all = Signals::new(student, labels(&device)).unwrap().with_teacher(teacher).unwrap();
        let value = |objective: &Objective| values(objective.evaluate(&all).unwrap().total)[0];
        let full = value(&soft(4.0));
        let mut before = 0.0;
        for k in 1..CLASSES {
            let bucket = value(&parsed(&format!(r#"{{"term": "top-k", "k": {k}}}"#)));
            assert!(bucket >= before - 1e-6 && bucket <= full + 1e-6, "{backend}, {k}: {bucket}");
            before = bucket;
        }
        assert!((before - full).abs() < 1e-5, "{backend}: {before}, {full}");
    }
}

/// Shift and scale of the logits say nothing once they are standardised.
#[test]
fn standardised_logits_know_no_shift_and_no_scale() {
    let (_, device) = cpu_devices().remove(0);
    let (student, teacher) = logits(&device);
    for term in ["soft-targets", "decoupled", "dist", "top-k", "reverse-kl", "skewed-kl"] {
        let objective = parsed(&format!(r#"{{"term": "{term}", "standardise": true}}"#));
        let value = |student: Tensor<2>, teacher: Tensor<2>| {
            let signals = Signals::new(student, labels(&device)).unwrap();
            let signals = signals.with_teacher(teacher).unwrap();
            values(objective.evaluate(&signals).unwrap().total)[0]
        };
        let plain = value(student.clone(), teacher.clone());
        let other = value(student.clone() * 3.0 + 5.0, teacher.clone() * 0.2 - 1.0);
        assert!((plain - other).abs() < 2e-5 * plain.max(1.0), "{term}: {plain}, {other}");
        assert!(objective.check_classes(2).unwrap_err().field.starts_with("objective[0]"));
    }
}

/// For a small share of the other distribution it is the plain divergence; for any, it is bounded.
#[test]
fn skewed_divergences_have_their_limits() {
    let (_, device) = cpu_devices().remove(0);
    let (student, teacher) = logits(&device);
    let value = |term: &str, student: Tensor<2>, teacher: Tensor<2>| {
        let signals = Signals::new(student, labels(&device)).unwrap();
        let signals = signals.with_teacher(teacher).unwrap();
        values(parsed(term).evaluate(&signals).unwrap().total)[0]
    };
    for (skewed, plain) in [
        (
            r#"{"term": "skewed-kl", "skew": 0.001}"#,
            r#"{"term": "soft-targets", "temperature": 1}"#,
        ),
        (r#"{"term": "skewed-kl", "skew": 0.001, "reverse": true}"#, r#"{"term": "reverse-kl"}"#),
    ] {
        let (skewed, plain) = (
            value(skewed, student.clone(), teacher.clone()),
            value(plain, student.clone(), teacher.clone()),
        );
        assert!((skewed / plain - 1.0).abs() < 0.02, "{skewed}, {plain}");
    }
    let far = value(r#"{"term": "skewed-kl"}"#, student * 1e4, teacher * -1e4);
    assert!(far <= -(0.1f64.ln()) + 1e-5, "{far}");
}

#[test]
fn hard_signals_give_finite_values_and_gradients() {
    let saturated = vec![vec![1e4, -1e4, 0.0], vec![-1e4, 1e4, 1e4], vec![0.0, 0.0, 0.0]];
    let constant_column = vec![vec![1.0, 5.0, 0.0], vec![1.0, 5.0, 0.0], vec![1.0, 5.0, 0.0]];
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        for (name, rows) in [
            ("saturated", saturated.clone()),
            ("constant columns", constant_column.clone()),
            ("a batch of one", vec![vec![0.5, -1.0, 2.0]]),
        ] {
            for term in COMPARING {
                let student = matrix(&rows, &device).require_grad();
                let mut other = rows.clone();
                other.reverse();
                let teacher = matrix(&other, &device);
                let labels: Vec<i64> = [1, 2, 0][..rows.len()].to_vec();
                let labels = Tensor::<1, Int>::from_data(labels.as_slice(), &device);
                let signals = Signals::new(student.clone(), labels).unwrap();
                let signals = signals.with_teacher(teacher).unwrap();
                let total = parsed(term).evaluate(&signals).unwrap().total;
                let gradient = values(student.grad(&total.clone().backward()).unwrap());
                let value = values(total)[0];
                assert!(value.is_finite(), "{backend}, {name}, {term}: {value}");
                let finite = gradient.iter().all(|g| g.is_finite());
                assert!(finite, "{backend}, {name}, {term}: {gradient:?}");
            }
        }
    }
}

#[test]
fn terms_are_refused_where_they_are_not_defined() {
    for (term, field) in [
        (r#"{"term": "decoupled", "temperature": 0}"#, "objective[0].temperature"),
        (r#"{"term": "decoupled", "target": -1}"#, "objective[0].target"),
        (r#"{"term": "decoupled", "target": 0, "non_target": 0}"#, "objective[0].target"),
        (r#"{"term": "dist", "intra": -1}"#, "objective[0].intra"),
        (r#"{"term": "dist", "inter": 0, "intra": 0}"#, "objective[0].inter"),
        (r#"{"term": "reverse-kl", "temperature": 1e9}"#, "objective[0].temperature"),
        (r#"{"term": "jensen-shannon", "mixing": 0}"#, "objective[0].mixing"),
        (r#"{"term": "jensen-shannon", "mixing": 1}"#, "objective[0].mixing"),
        (r#"{"term": "skewed-kl", "skew": 0}"#, "objective[0].skew"),
        (r#"{"term": "skewed-kl", "skew": 1}"#, "objective[0].skew"),
        (r#"{"term": "top-k", "k": 0}"#, "objective[0].k"),
        (r#"{"term": "top-k", "k": 1, "remainder": "renormalise"}"#, "objective[0].k"),
        (r#"{"term": "attention", "power": 0.5}"#, "objective[0].power"),
        (r#"{"term": "correlation", "gamma": 0}"#, "objective[0].gamma"),
        (r#"{"term": "correlation", "order": 0}"#, "objective[0].order"),
        (r#"{"term": "rkd", "distance": -1}"#, "objective[0].distance"),
        (r#"{"term": "rkd", "distance": 0, "angle": 0}"#, "objective[0].distance"),
        (r#"{"term": "crd", "dim": 0}"#, "objective[0].dim"),
        (r#"{"term": "crd", "negatives": 0}"#, "objective[0].negatives"),
        (r#"{"term": "crd", "temperature": 0.001}"#, "objective[0].temperature"),
        (r#"{"term": "crd", "momentum": 1}"#, "objective[0].momentum"),
        (r#"{"term": "crd", "taps": [["a", "a"], ["b", "b"]]}"#, "objective[0].taps"),
        (r#"{"term": "hint", "weight": -1}"#, "objective[0].weight"),
    ] {
        let config: TermConfig = serde_json::from_str(term).unwrap();
        assert_eq!(Objective::new(&[config]).unwrap_err().field, field, "{term}");
    }
    let error = parsed(r#"{"term": "decoupled"}"#).check_classes(2).unwrap_err();
    assert_eq!(error.field, "objective[0].non_target");
    assert!(parsed(r#"{"term": "decoupled", "non_target": 0}"#).check_classes(2).is_ok());
    assert!(parsed(r#"{"term": "decoupled"}"#).check_classes(3).is_ok());
}

#[test]
fn formulas_say_what_is_minimised() {
    for (term, formula) in [
        (r#"{"term": "logit-mse", "weight": 0.5}"#, "0.50·MSE(z_s, z_t)"),
        (r#"{"term": "decoupled"}"#, "1.00·T²·(1.00·TCKD + 8.00·NCKD)(T=4)"),
        (r#"{"term": "dist"}"#, "2.00·T²·(1.00·inter + 1.00·intra)(T=4)"),
        (r#"{"term": "reverse-kl"}"#, "1.00·T²·KL(s‖t; T=1)"),
        (r#"{"term": "jensen-shannon"}"#, "1.00·T²·JS(β=0.5; T=1)"),
        (r#"{"term": "skewed-kl"}"#, "1.00·T²·SKL(t‖s; α=0.1; T=1)"),
    ] {
        assert_eq!(parsed(term).formula(), formula);
    }
}

fn signals(student: Tensor<2>, device: &Device) -> Signals {
    let (_, teacher) = logits(device);
    Signals::new(student, labels(device)).unwrap().with_teacher(teacher).unwrap()
}

fn refused(config: TermConfig) -> ConfigError {
    Objective::new(&[config]).expect_err("a value out of range")
}
