//! What learns in a stage, and how it is put together.

use burn::{
    module::{Module, ModuleMapper, Param, ParamId},
    tensor::{Device, Int, Tensor},
};
use distill_datasets::{
    Loader,
    keyed::{KeyedRng, Operation},
};
use distill_models::{Feature, Graph, Network};
use distill_objective::{
    Connectors, Contrast, FeatureValues, Features, Objective, SignalError, Signals, TapShape,
};

use rand_core::RngCore;

use super::Precision;
use crate::{
    DriverError, Preprocessing,
    teacher::{Teacher, TeacherOutputs},
};

/// A network, and what is trained beside it so that its features can be compared.
#[derive(Module, Debug)]
pub struct Learner {
    /// What a stage is there for.
    pub network: Network,
    /// What ends with it.
    pub connectors: Connectors,
    /// Networks that learn together with it, each from the others.
    pub peers: Vec<Network>,
}

impl Learner {
    /// A network alone.
    pub fn new(network: Network) -> Self {
        Self { network, connectors: Connectors::none(), peers: Vec::new() }
    }

    /// A network and others that learn together with it.
    pub fn with_peers(network: Network, peers: impl IntoIterator<Item = Network>) -> Self {
        let peers = (1..).zip(peers).map(|(of, peer)| peer.map(&mut Apart { of }));
        Self { peers: peers.collect(), ..Self::new(network) }
    }

    /// A network with what `objective` compares: the connectors are made by a dry run over
    /// the first images. The networks' features are [selected](Self::select) already.
    ///
    /// # Errors
    /// [`DriverError`] for features that cannot be compared.
    pub fn connected(
        network: Network,
        objective: &mut Objective,
        teacher: &TeacherOutputs,
        train: &Loader,
        preprocessing: &Preprocessing,
        seed: u64,
        device: &Device,
    ) -> Result<Self, DriverError> {
        let batch = train.as_they_are(DRY_RUN).one(1, 0)?;
        let Some(batch) = batch else { return Err(no_samples()) };
        let (of, samples) = (batch.view, batch.samples.clone());
        let batch = batch.to_device(device)?;
        let (_, theirs) = teacher.of(of, &samples, &batch.input, true)?;
        let input = preprocessing.apply(batch.input)?;
        let (logits, ours) = network.valid().forward_with_features(input);
        let (ours, theirs) = (features(ours, |map| map), features(theirs, |map| map));
        let signals = Signals::new(logits, batch.labels)?.with_features(ours, theirs);
        let signals = signals.with_contrast(places(train.samples(), device));
        let seed = KeyedRng::new(seed, 0, CONNECTORS, Operation::Weights).next_u64();
        let connectors = objective.connect(&signals, seed)?;
        Ok(Self { connectors, ..Self::new(network) })
    }

    /// The same, whose networks compute in `precision`; weights stay in single precision.
    pub(super) fn computing_in(self, precision: Precision) -> Self {
        let dtype = precision.dtype();
        let peers = self.peers.into_iter().map(|peer| peer.computing_in(dtype)).collect();
        Self { network: self.network.computing_in(dtype), connectors: self.connectors, peers }
    }

    /// Fixes which features `objective` compares, and selects them in both networks.
    ///
    /// # Errors
    /// [`DriverError`] for features that are not there.
    pub fn select(
        network: Network,
        objective: &mut Objective,
        teacher: &mut Teacher,
    ) -> Result<Network, DriverError> {
        let resolved = objective.resolve(&taps(network.graph()), &taps(teacher.graph()));
        resolved.map_err(SignalError::from)?;
        let [ours, theirs] = objective.taps();
        teacher.select(&theirs)?;
        Ok(network.selecting(&ours)?)
    }
}

/// Fixes which features `objective` compares and tries whether it can, without weights or data.
///
/// # Errors
/// [`DriverError`] for features that are not there or cannot be compared.
pub(crate) fn try_connection(
    objective: &mut Objective,
    graphs: [&Graph; 2],
    device: &Device,
) -> Result<(), DriverError> {
    dry_run(objective, graphs, device).map(|_| ())
}

/// The term of `objective` that would normalise one value per channel for a batch of one sample, without weights or
/// data; `None` where none does.
///
/// # Errors
/// [`DriverError`] for features that are not there or cannot be compared.
pub(crate) fn norm_of_one_value(
    objective: &mut Objective,
    graphs: [&Graph; 2],
    device: &Device,
) -> Result<Option<&'static str>, DriverError> {
    let (signals, mut connectors) = dry_run(objective, graphs, device)?;
    Ok(match objective.evaluate_with(&signals, &mut connectors) {
        Err(SignalError::OneValue { term }) => Some(term),
        _ => None,
    })
}

/// Features of one sample, all zeros, and the connectors for them.
fn dry_run(
    objective: &mut Objective,
    [student, teacher]: [&Graph; 2],
    device: &Device,
) -> Result<(Signals, Connectors), DriverError> {
    let (ours, theirs) = (taps(student), taps(teacher));
    objective.resolve(&ours, &theirs).map_err(SignalError::from)?;
    let [of_ours, of_theirs] = objective.taps();
    let zeros = |taps: &[TapShape], names: &[&str]| -> Features {
        let named = taps.iter().filter(|tap| names.contains(&tap.name.as_str()));
        named
            .map(|tap| {
                let [width, rows, columns] = tap.dims();
                let zeros = Tensor::zeros([1, width, rows, columns], device);
                (tap.name.clone(), FeatureValues::new(zeros, tap.grid))
            })
            .collect()
    };
    let logits = Tensor::zeros([1, student.signature().output.width()], device);
    let signals = Signals::new(logits, Tensor::<1, Int>::zeros([1], device))?
        .with_features(zeros(&ours, &of_ours), zeros(&theirs, &of_theirs))
        .with_contrast(places(1, device));
    let connectors = objective.connect(&signals, 0)?;
    Ok((signals, connectors))
}

/// Gives a peer's parameters identities of their own: networks name their parameters alike, and one optimizer
/// keeps a state for each identity.
struct Apart {
    of: u64,
}

impl ModuleMapper for Apart {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let id = param.id.val().rotate_left(17).wrapping_add(self.of);
        let value = param.val();
        param.transform_for_load(value, ParamId::from(id))
    }
}

/// Samples of the dry run, the first of the training set.
pub(crate) const DRY_RUN: usize = 256;
/// Connectors' place among what weights are drawn for: after teacher and student.
const CONNECTORS: u64 = 2;

/// All places of a network.
pub(crate) fn taps(graph: &Graph) -> Vec<TapShape> {
    let is_grid = graph.signature().image().is_some();
    let mut taps = Vec::new();
    for (name, [width, rows, columns]) in graph.taps() {
        taps.push(match is_grid {
            true => TapShape::map(name, [width, rows, columns]),
            false => TapShape::sequence(name, width, columns),
        });
    }
    taps
}

/// Features by name.
pub(super) fn features(
    features: Vec<Feature>,
    change: impl Fn(Tensor<4>) -> Tensor<4>,
) -> Features {
    features
        .into_iter()
        .map(|one| (one.name, FeatureValues::new(change(one.values), one.grid)))
        .collect()
}

fn no_samples() -> DriverError {
    let problem = "a training set without samples, expected at least one".to_owned();
    DriverError::Recipe { file: "training".to_owned(), problem }
}

/// Banks for so many samples.
fn places(samples: usize, device: &Device) -> Contrast {
    let positives = Tensor::zeros([1], device);
    Contrast { samples, positives, negatives: Tensor::zeros([1, 1], device) }
}
