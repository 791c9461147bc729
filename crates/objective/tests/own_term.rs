//! A term of one's own, outside of the crate, that trains something beside the student.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::{
    module::{Module, ModuleMapper, Param},
    optim::{GradientsParams, SgdConfig, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    store::ModuleRecord,
    tensor::{DType, Device, Int, Tensor, TensorData},
};
use distill_objective::{
    Connector, Connectors, Initial, Inputs, Layer, Linear, Objective, Places, Rule, SignalError,
    Signals, Term,
};
use distill_testkit::{cpu_devices, synthetic_logits, values};

/// The teacher's pooled features, guessed from the student's by a linear layer for each pair.
#[derive(Debug)]
struct Projected;

impl Term for Projected {
    fn name(&self) -> &'static str {
        "projected"
    }

    fn formula(&self) -> String {
        "projected".to_owned()
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&[], Rule::Deepest))
    }

    fn connect(
        &self,
        dry_run: Inputs<'_>,
        initial: &mut Initial,
    ) -> Result<Option<Connector>, SignalError> {
        let mut parts = Vec::new();
        for [student, teacher] in &dry_run.features {
            let (from, to) = (student.dims()[1], teacher.dims()[1]);
            parts.push(vec![Layer::Linear(Linear::new(from, to, initial))]);
        }
        Ok(Some(Connector { parts }))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        inputs.sum_connected("projected", |pair, layers| {
            let [Layer::Linear(projector)] = layers else { return None };
            let [student, teacher] = pair.map(|map| map.mean_dim(2).mean_dim(3).flatten(1, 3));
            Some((projector.forward(student) - teacher).powi_scalar(2).mean())
        })
    }
}

#[test]
fn a_term_of_ones_own_trains_its_projector() {
    for (backend, device) in cpu_devices() {
        let (objective, signals) = (objective(), signals(&device.autodiff()));
        let mut connectors = objective.connect(&signals, 1).unwrap().train();
        assert_eq!(connectors.num_params(), 3 * 4 + 4, "{backend}");
        let mut optimizer = SgdConfig::new().init();
        let mut losses = Vec::new();
        for _ in 0..200 {
            let total = objective.evaluate_with(&signals, &mut connectors).unwrap().total;
            losses.push(values(total.clone())[0]);
            let gradients = GradientsParams::from_grads(total.backward(), &connectors);
            connectors = optimizer.step(ModuleLearningRate::from(0.3), connectors, gradients);
        }
        assert!(losses[199] < 0.6 * losses[0], "{backend}: {losses:?}");

        let record = connectors.clone().into_record().into_bytes().unwrap();
        let fresh = objective.connect(&signals, 2).unwrap().train();
        let mut again = fresh.try_load_record(ModuleRecord::from_bytes(record).unwrap()).unwrap();
        let [saved, read] = [&mut connectors, &mut again].map(|connectors| {
            values(objective.evaluate_with(&signals, connectors).unwrap().total)[0]
        });
        assert_eq!(saved, read, "{backend}: what is saved is read back");
    }
}

#[test]
fn layers_of_another_term_are_refused() {
    let device = Device::flex();
    let (objective, signals) = (objective(), signals(&device));
    let refused = SignalError::NoConnector { term: "projected" };
    assert_eq!(objective.evaluate(&signals).unwrap_err(), refused);
    let hint = serde_json::from_str(r#"{"term": "hint"}"#).unwrap();
    let hint = Objective::new(&[hint]).unwrap();
    let mut other: Connectors = hint.connect(&signals, 1).unwrap();
    assert_eq!(objective.evaluate_with(&signals, &mut other).unwrap_err(), refused);
}

/// Weights have names, and can be those of another program.
#[test]
fn weights_of_connectors_are_read_and_set_by_name() {
    for (backend, device) in cpu_devices() {
        for dtype in [DType::F32, DType::F64] {
            let both = |student: Tensor<3>, teacher: Tensor<3>| {
                Signals::of_features([("tokens", student)], [("tokens", teacher)])
            };
            let tokens = |variant, width: usize| {
                let values = synthetic_logits(1, 2 * 3 * width, variant).concat();
                Tensor::<3>::from_data(TensorData::new(values, [2, 3, width]), (&device, dtype))
            };
            let signals = both(tokens(1, 2), tokens(2, 2));
            let hint = serde_json::from_str(r#"{"term": "hint"}"#).unwrap();
            let vid = serde_json::from_str(r#"{"term": "vid"}"#).unwrap();
            let objective = Objective::new(&[hint, vid]).unwrap();
            let connectors = objective.connect(&signals, 1).unwrap();
            let weights = connectors.weights();
            let names: Vec<&str> = weights.iter().map(|(name, _)| name.as_str()).collect();
            let expected = [
                "hint.0.conv.weight",
                "hint.0.conv.bias",
                "hint.0.norm.gamma",
                "hint.0.norm.beta",
                "vid.0.conv.weight",
                "vid.0.conv-2.weight",
                "vid.0.conv-3.weight",
                "vid.0.vector",
            ];
            assert_eq!(names, expected, "{backend}");
            assert!(weights.iter().all(|(_, values)| values.dtype() == dtype), "{backend}");

            // Of another seed, and those of the first one put in place: the same loss.
            let other = objective.connect(&signals, 2).unwrap();
            assert_ne!(other.weights(), weights);
            let given = weights.iter().map(|(name, values)| (name.clone(), values.clone()));
            let mut set = other.clone().with_weights(given.rev()).unwrap();
            assert_eq!(set.weights(), weights, "{backend}, {dtype:?}");
            let [was, is] = [&mut connectors.clone(), &mut set].map(|connectors| {
                values(objective.evaluate_with(&signals, connectors).unwrap().total)[0]
            });
            assert_eq!(was, is, "{backend}, {dtype:?}");

            let missing = weights.iter().skip(1).cloned();
            let error = other.clone().with_weights(missing).unwrap_err().to_string();
            assert!(error.contains("`hint.0.conv.weight` is `missing`"), "{error}");
            let mut wrong = weights.clone();
            wrong[3].1 = TensorData::from([1.0_f32, 2.0, 3.0]);
            let error = other.clone().with_weights(wrong).unwrap_err().to_string();
            assert!(error.contains("`hint.0.norm.beta` is `[3]`"), "{error}");
            let unknown = weights.into_iter().chain([("more".to_owned(), TensorData::from([1.0]))]);
            let error = other.with_weights(unknown).unwrap_err().to_string();
            assert!(error.contains("`more`") && error.contains("vid.0.vector"), "{error}");
        }
    }
}

/// Double precision is kept, whatever stands beside it.
#[test]
fn double_precision_reaches_weights_and_loss() {
    for (backend, device) in cpu_devices() {
        let vectors = |dtype, variant| {
            let values = synthetic_logits(1, 12, variant).concat();
            Tensor::<2>::from_data(TensorData::new(values, [4, 3]), (&device, dtype))
        };
        let terms = ["hint", "similarity", "rkd", "overhaul"].map(|term| {
            serde_json::from_str(&format!(r#"{{"term": "{term}", "taps": [["a", "a"]]}}"#)).unwrap()
        });
        let objective = Objective::new(&terms).unwrap();
        let of = |student| Signals::of_features([("a", student)], [("a", vectors(DType::F32, 2))]);
        let signals = of(vectors(DType::F64, 1));
        let mut connectors = objective.connect(&signals, 1).unwrap();
        let total = objective.evaluate_with(&signals, &mut connectors).unwrap().total;
        assert_eq!(total.dtype(), DType::F64, "{backend}");
        let single = of(vectors(DType::F32, 1));
        let mut connectors = objective.connect(&single, 1).unwrap();
        let beside = objective.evaluate_with(&single, &mut connectors).unwrap().total;
        assert_eq!(beside.dtype(), DType::F32, "{backend}");
        let (double, single) = (values(total)[0], values(beside)[0]);
        assert!((double - single).abs() < 1e-5 * double, "{backend}: {double}, {single}");
    }
}

/// An optimizer's state finds parameters again by their places.
#[test]
fn parameters_are_named_by_their_places() {
    let (objective, signals) = (objective(), signals(&Device::flex()));
    let mut ids = Ids(Vec::new());
    let _ = objective.connect(&signals, 1).unwrap().map(&mut ids);
    let first = u64::from_be_bytes(*b"connects");
    assert_eq!(ids.0, [first, first + 1]);
}

struct Ids(Vec<u64>);

impl ModuleMapper for Ids {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0.push(param.id.val());
        param
    }
}

fn objective() -> Objective {
    Objective::of(vec![(1.0.into(), Box::new(Projected))])
}

/// Features of one place in each network, `[5, 3, 2, 2]` and `[5, 4, 2, 2]`.
fn signals(device: &Device) -> Signals {
    let map = |variant, channels: usize| {
        let count = 5 * channels * 4;
        let values = synthetic_logits(1, count, variant).concat();
        let values: Vec<f32> = values.iter().map(|value| *value as f32).collect();
        let map = Tensor::<4>::from_data(TensorData::new(values, [5, channels, 2, 2]), device);
        [("stage", map)].into_iter().collect()
    };
    let logits = Tensor::<2>::zeros([5, 3], device);
    let signals = Signals::new(logits, Tensor::<1, Int>::zeros([5], device)).unwrap();
    signals.with_features(map(1, 3), map(2, 4))
}
