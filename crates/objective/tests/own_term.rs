//! A term of one's own, outside of the crate, that trains something beside the student.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::{
    module::{Module, ModuleMapper, Param},
    optim::{GradientsParams, SgdConfig, lr_scheduler::module_lr_scheduler::ModuleLearningRate},
    store::ModuleRecord,
    tensor::{Device, Int, Tensor, TensorData},
};
use distill_objective::{
    Connector, Connectors, Inputs, Layer, Linear, Objective, Places, Rule, SignalError, Signals,
    Term, rand_core::RngCore,
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
        rng: &mut dyn RngCore,
    ) -> Result<Option<Connector>, SignalError> {
        let mut parts = Vec::new();
        for [student, teacher] in &dry_run.features {
            let (from, to) = (student.dims()[1], teacher.dims()[1]);
            parts.push(vec![Layer::Linear(Linear::new(from, to, rng, &student.device()))]);
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
        let mut connectors = objective.connect(&signals, &mut Draws(1)).unwrap().train();
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
        let fresh = objective.connect(&signals, &mut Draws(2)).unwrap().train();
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
    let mut other: Connectors = hint.connect(&signals, &mut Draws(1)).unwrap();
    assert_eq!(objective.evaluate_with(&signals, &mut other).unwrap_err(), refused);
}

/// An optimizer's state finds parameters again by their places.
#[test]
fn parameters_are_named_by_their_places() {
    let (objective, signals) = (objective(), signals(&Device::flex()));
    let mut ids = Ids(Vec::new());
    let _ = objective.connect(&signals, &mut Draws(1)).unwrap().map(&mut ids);
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

struct Draws(u64);

impl RngCore for Draws {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.0
    }

    fn fill_bytes(&mut self, _: &mut [u8]) {
        unreachable!("numbers are drawn one by one")
    }
}
