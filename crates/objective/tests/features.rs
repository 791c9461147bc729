//! What must hold for losses of features, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::{
    module::Module,
    optim::{GradientsParams, SgdConfig, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    tensor::{DType, Device, FloatDType, Int, Tensor, TensorData},
};
use distill_objective::{
    Connectors, Contrast, Features, Objective, SignalError, Signals, TermConfig,
};
use distill_testkit::{cpu_devices, numeric_gradient, relative_l2, synthetic_logits, values};

const BATCH: usize = 5;

/// Every loss of features, each with its defaults as far as the little maps here allow.
const ALL: [&str; 11] = [
    r#"{"term": "hint"}"#,
    r#"{"term": "attention"}"#,
    r#"{"term": "nst"}"#,
    r#"{"term": "pkt"}"#,
    r#"{"term": "similarity"}"#,
    r#"{"term": "correlation"}"#,
    r#"{"term": "rkd"}"#,
    r#"{"term": "vid"}"#,
    r#"{"term": "overhaul"}"#,
    r#"{"term": "crd", "dim": 4, "negatives": 3}"#,
    r#"{"term": "review"}"#,
];

/// Those that two networks with the same features leave nothing to learn, without a connector between.
const ZERO_WHERE_EQUAL: [&str; 6] = ["attention", "nst", "pkt", "similarity", "correlation", "rkd"];

#[test]
fn equal_features_give_zero() {
    for (backend, device) in cpu_devices() {
        for name in ZERO_WHERE_EQUAL {
            let same = || features(&device, 1, [3, 4]);
            let signals = signals(&device).with_features(same(), same());
            let objective = objective(&format!(r#"{{"term": "{name}", "weight": 1}}"#));
            let loss = values(objective.evaluate(&signals).unwrap().total)[0];
            assert!(loss.abs() < 1e-6, "{backend}, {name}: {loss}");
        }
    }
}

/// With respect to the student's features, through connectors too.
#[test]
fn gradients_match_finite_differences() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        for term in ALL {
            let objective = objective(term);
            let shape = [BATCH, 3, 2, 2];
            let count = shape.iter().product();
            let point: Vec<f64> = synthetic_logits(1, count, 9).concat();
            let teacher: Features =
                ["a.preact", "a"].map(|name| (name, map(&device, 7, [4, 2]))).into_iter().collect();
            let with = |point: &[f64]| {
                let student = tensor(point, shape, &device).require_grad();
                let maps = ["a.preact", "a"].map(|name| (name, student.clone()));
                let signals =
                    signals(&device).with_features(maps.into_iter().collect(), teacher.clone());
                (student, signals)
            };
            let connectors = objective.connect(&with(&point).1, 1).unwrap().train();
            // The first batch of a contrast sets Z, which is a constant from then on.
            let mut connectors = connectors;
            objective.evaluate_with(&with(&point).1, &mut connectors).unwrap();
            let evaluate = |point: &[f64]| {
                let (student, signals) = with(point);
                let value = objective.evaluate_with(&signals, &mut connectors.clone()).unwrap();
                (student, value.total)
            };
            let (student, total) = evaluate(&point);
            let exact = values(student.grad(&total.backward()).unwrap());
            // Behind a variance of 5 the gradient is small beside the rounding of the loss.
            let step = if term.contains("vid") { 1e-2 } else { 2e-3 };
            let numeric = numeric_gradient(&point, step, |x| values(evaluate(x).1)[0]);
            let off = relative_l2(&exact, &numeric);
            assert!(off < 2e-2, "{backend}, {term}: off by {off:e} relative");
        }
    }
}

/// Dead maps, one sample, equal samples, saturated values: numbers stay numbers.
#[test]
fn hard_features_give_finite_values_and_gradients() {
    for (backend, device) in cpu_devices() {
        let device = device.autodiff();
        for term in ALL {
            for (name, batch, factor) in
                [("dead", 4, 0.0), ("one sample", 1, 1.0), ("large", 4, 1e4), ("small", 4, 1e-6)]
            {
                let shape = [batch, 3, 4, 4];
                let count = shape.iter().product();
                let point: Vec<f64> = synthetic_logits(1, count, 3).concat();
                let point: Vec<f64> = point.iter().map(|value| value * factor).collect();
                let student = tensor(&point, shape, &device).require_grad();
                let maps = || [("a.preact", student.clone()), ("a", student.clone())];
                let theirs = maps()
                    .map(|(name, map)| (name, map.detach() * if batch == 1 { 2.0 } else { 1.0 }));
                let signals = of_batch(&device, batch)
                    .with_features(maps().into_iter().collect(), theirs.into_iter().collect());
                let objective = objective(term);
                let mut connectors = objective.connect(&signals, 1).unwrap().train();
                let evaluated = objective.evaluate_with(&signals, &mut connectors);
                // Its deepest level is averaged over the map: one value for each channel.
                if batch == 1 && term.contains("review") {
                    assert_eq!(evaluated.unwrap_err(), SignalError::OneValue { term: "review" });
                    continue;
                }
                let total = evaluated.unwrap().total;
                let gradient = values(student.grad(&total.clone().backward()).unwrap());
                let value = values(total)[0];
                assert!(value.is_finite(), "{backend}, {term}, {name}: {value}");
                let finite = gradient.iter().all(|g| g.is_finite());
                assert!(finite, "{backend}, {term}, {name}: {gradient:?}");
            }
        }
    }
}

#[test]
fn no_gradient_reaches_the_teachers_features() {
    let device = Device::flex().autodiff();
    for term in ALL {
        let (ours, theirs) = (map(&device, 1, [3, 4]), map(&device, 2, [4, 4]));
        let (ours, theirs) = (ours.require_grad(), theirs.require_grad());
        let named = |map: &Tensor<4>| -> Features {
            [("a.preact", map.clone()), ("a", map.clone())].into_iter().collect()
        };
        let signals = signals(&device).with_features(named(&ours), named(&theirs));
        let objective = objective(term);
        let mut connectors = objective.connect(&signals, 1).unwrap().train();
        let gradients =
            objective.evaluate_with(&signals, &mut connectors).unwrap().total.backward();
        assert!(ours.grad(&gradients).is_some(), "{term}");
        assert!(theirs.grad(&gradients).is_none(), "{term}");
    }
}

/// A student that is nothing but its features descends on each loss, and what is remembered stays unlearnt.
#[test]
fn every_loss_goes_down_with_its_connector() {
    let device = Device::flex().autodiff();
    for term in ALL {
        let objective = objective(term);
        let theirs = features(&device, 2, [4, 4]);
        let first = map(&device, 1, [3, 4]);
        let with = |map: &Tensor<4>| {
            let ours = [("a.preact", map.clone()), ("a", map.clone())].into_iter().collect();
            signals(&device).with_features(ours, theirs.clone())
        };
        let mut connectors: Connectors = objective.connect(&with(&first), 1).unwrap().train();
        let mut student = first;
        let mut optimizer = SgdConfig::new().init();
        let mut losses = Vec::new();
        for _ in 0..30 {
            let tracked = student.clone().detach().require_grad();
            let total = objective.evaluate_with(&with(&tracked), &mut connectors).unwrap().total;
            losses.push(values(total.clone())[0]);
            let gradients = total.backward();
            let gradient = tracked.grad(&gradients).unwrap();
            let size = gradient.clone().powi_scalar(2).sum().sqrt().into_scalar::<f32>();
            let step = gradient * (0.2 / f64::from(size.max(1e-9)));
            student = (tracked.inner() - step).autodiff();
            let gradients = GradientsParams::from_grads(gradients, &connectors);
            connectors = optimizer.step(ModuleLearningRate::from(1e-6), connectors, gradients);
        }
        // From the second on: the first batch of a contrast sets its scale.
        let gone = losses[1] - losses[29];
        assert!(gone > 3e-3 * losses[1].abs(), "{term}: {losses:?}");
    }
}

/// A bank holds what its samples were embedded as, at length 1, and no optimizer moves the other rows.
#[test]
fn memory_banks_follow_their_samples_alone() {
    let device = Device::flex().autodiff();
    let objective = objective(r#"{"term": "crd", "dim": 4, "negatives": 3, "momentum": 0}"#);
    let with =
        signals(&device).with_features(features(&device, 1, [3, 4]), features(&device, 2, [4, 4]));
    let before = objective.connect(&with, 1).unwrap().train();
    let mut after = before.clone();
    let total = objective.evaluate_with(&with, &mut after).unwrap().total;
    let gradients = GradientsParams::from_grads(total.backward(), &after);
    let after = SgdConfig::new().init().step(ModuleLearningRate::from(0.1), after, gradients);

    let banks = |connectors: &Connectors| {
        let record = connectors.clone().into_record().into_bytes().unwrap();
        let record = burn::store::ModuleRecord::from_bytes(record).unwrap();
        let again = connectors.clone().try_load_record(record).unwrap();
        let mut found = Banks(Vec::new());
        again.visit(&mut found);
        found.0
    };
    let (before, after) = (banks(&before), banks(&after));
    assert_eq!((before.len(), after.len()), (2, 2));
    for (before, after) in before.iter().zip(&after) {
        for (sample, (old, new)) in before.chunks(4).zip(after.chunks(4)).enumerate() {
            if sample < BATCH {
                let norm: f64 = new.iter().map(|v| v * v).sum();
                assert!((norm - 1.0).abs() < 1e-5, "{sample}: {norm}");
                assert_ne!(old, new);
            } else {
                assert_eq!(old, new, "{sample} is not in the batch");
            }
        }
    }
}

struct Banks(Vec<Vec<f64>>);

impl burn::module::ModuleVisitor for Banks {
    fn visit_float<const D: usize>(&mut self, param: &burn::module::Param<Tensor<D>>) {
        if param.dims().first() == Some(&SAMPLES) {
            self.0.push(values(param.val()));
        }
    }
}

#[test]
fn what_is_missing_is_said() {
    let device = Device::flex();
    let evaluate = |term: &str, signals: &Signals| objective(term).evaluate(signals).unwrap_err();
    let bare = signals(&device);
    let error = evaluate(ALL[1], &bare).to_string();
    assert!(error.contains("`attention`") && error.contains("`with_features`"), "{error}");
    let there =
        signals(&device).with_features(features(&device, 1, [3, 4]), features(&device, 2, [4, 4]));
    assert_eq!(evaluate(ALL[0], &there), SignalError::NoConnector { term: "hint" });
    let named = r#"{"term": "attention", "taps": [["a", "nothing"]]}"#;
    let error = evaluate(named, &there).to_string();
    assert!(error.contains("`nothing` of the teacher") && error.contains("a.preact"), "{error}");
    let apart = r#"{"term": "overhaul", "taps": [["a", "b"]]}"#;
    let b: Features = [("b", map(&device, 3, [3, 2]))].into_iter().collect();
    let there = signals(&device).with_features(features(&device, 1, [3, 4]), b);
    let error = objective(apart).connect(&there, 1).unwrap_err().to_string();
    assert!(error.contains("[5, 3, 4, 4]") && error.contains("[5, 3, 2, 2]"), "{error}");
}

/// Half precision is widened: the squares of such features leave its range.
#[test]
fn half_precision_is_widened() {
    let device = Device::flex();
    let half = |map: Tensor<4>| (map * 300.0).cast(FloatDType::F16);
    let (ours, theirs) = (map(&device, 1, [3, 4]), map(&device, 2, [4, 4]));
    assert_eq!(half(ours.clone()).dtype(), DType::F16);
    let loss = |change: &dyn Fn(Tensor<4>) -> Tensor<4>, term: &str| {
        let named = |map: Tensor<4>| [("a", change(map))].into_iter().collect();
        let signals = signals(&device).with_features(named(ours.clone()), named(theirs.clone()));
        values(objective(term).evaluate(&signals).unwrap().total)[0]
    };
    for name in ZERO_WHERE_EQUAL {
        let term = format!(r#"{{"term": "{name}"}}"#);
        assert_eq!(
            loss(&half, &term),
            loss(&|map| half(map).cast(FloatDType::F32), &term),
            "{name}"
        );
    }
}

const SAMPLES: usize = 9;

fn objective(term: &str) -> Objective {
    Objective::new(&[serde_json::from_str::<TermConfig>(term).unwrap()]).unwrap()
}

fn signals(device: &Device) -> Signals {
    of_batch(device, BATCH)
}

fn of_batch(device: &Device, batch: usize) -> Signals {
    let logits = Tensor::<2>::zeros([batch, 3], device);
    let positives: Vec<i32> = (0..batch as i32).collect();
    let negatives: Vec<i32> = (0..3 * batch).map(|at| (at % SAMPLES) as i32).collect();
    let signals = Signals::new(logits.clone(), Tensor::<1, Int>::zeros([batch], device)).unwrap();
    signals.with_teacher(logits).unwrap().with_contrast(Contrast {
        samples: SAMPLES,
        positives: Tensor::from_data(positives.as_slice(), device),
        negatives: Tensor::from_data(TensorData::new(negatives, [batch, 3]), device),
    })
}

fn features(device: &Device, variant: u64, shape: [usize; 2]) -> Features {
    let map = map(device, variant, shape);
    [("a.preact", map.clone()), ("a", map)].into_iter().collect()
}

/// `[BATCH, channels, side, side]`.
fn map(device: &Device, variant: u64, [channels, side]: [usize; 2]) -> Tensor<4> {
    let shape = [BATCH, channels, side, side];
    tensor(&synthetic_logits(1, shape.iter().product(), variant).concat(), shape, device)
}

fn tensor(values: &[f64], shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}
