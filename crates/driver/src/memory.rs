//! How much memory a run takes, before it does.

use distill_models::{Footprint, Graph};

use crate::training::{OptimizerConfig, OptimizerKind};

/// Bytes of a number in single precision. Networks that compute in half precision keep what their norms look at in
/// single precision too, and take about as much.
const NUMBER: u64 = 4;

/// What a stage holds, in bytes: an estimate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct StageMemory {
    /// Weights, their gradients and the optimizer's state; of the teacher the weights.
    pub(crate) weights: u64,
    /// A checkpoint while it is put together, in the host's memory.
    pub(crate) checkpoint: u64,
    /// Values that the backward pass looks at, and what it works with.
    pub(crate) training: u64,
    /// Values of the teacher's forward pass.
    pub(crate) teacher: u64,
    /// Values while the network is evaluated.
    pub(crate) evaluation: u64,
}

/// Networks of a stage, for its estimate.
#[derive(Debug)]
pub(crate) struct StageNetworks<'a> {
    /// The one that learns, and those that learn together with it.
    pub(crate) learning: Vec<&'a Graph>,
    /// Those that teach it.
    pub(crate) teaching: Vec<&'a Graph>,
    /// Whether norms and what follows them are one operation.
    pub(crate) fused: bool,
}

impl StageMemory {
    /// With `batch` images of a step, or of each part of one, and `evaluated` images in batches of evaluation.
    pub(crate) fn of(
        networks: &StageNetworks<'_>,
        optimizer: &OptimizerConfig,
        batch: usize,
        evaluated: usize,
    ) -> Self {
        let StageNetworks { learning, teaching, fused } = networks;
        // Master weights and gradients, and what the optimizer keeps of each.
        let states = match optimizer.kind {
            OptimizerKind::Adam | OptimizerKind::AdamW => 2,
            OptimizerKind::Sgd => u64::from(optimizer.momentum > 0.0),
        };
        let parts = optimizer.gradient_checkpoints + 1;
        let (batch, evaluated) = (batch as u64, evaluated as u64);
        let parameters =
            |graphs: &[&Graph]| -> u64 { graphs.iter().map(|graph| graph.cost().parameters).sum() };
        let footprints = |graphs: &[&Graph]| -> Vec<Footprint> {
            graphs.iter().map(|graph| graph.footprint(*fused, parts)).collect()
        };
        let (ours, theirs) = (footprints(learning), footprints(teaching));
        let most = |all: &[Footprint], of: fn(&Footprint) -> u64| all.iter().map(of).max();
        let kept: u64 = ours.iter().map(|one| one.kept).sum();
        let backward = most(&ours, |one| one.backward).unwrap_or(0);
        let state = parameters(learning) * (1 + states) * NUMBER;
        Self {
            weights: state + (parameters(learning) + parameters(teaching)) * NUMBER,
            checkpoint: 2 * state,
            training: (kept + backward) * batch * NUMBER,
            teacher: most(&theirs, |one| one.answering).unwrap_or(0) * batch * NUMBER,
            evaluation: most(&ours, |one| one.answering).unwrap_or(0) * evaluated * NUMBER,
        }
    }

    /// On a device: nothing is evaluated in the middle of a step, and what the teacher works with is free again when
    /// the student goes back.
    pub(crate) fn on_device(&self) -> u64 {
        self.weights + self.training.max(self.evaluation).max(self.teacher)
    }

    /// In the host's memory: what was freed is kept for values of the same size, and others come beside it.
    fn values(&self) -> u64 {
        self.training + self.teacher + self.evaluation
    }
}

/// What a run of these stages takes in the host's memory, with `data` bytes of images.
pub(crate) fn on_host(stages: &[StageMemory], data: u64) -> u64 {
    let most = |of: fn(&StageMemory) -> u64| stages.iter().map(of).max().unwrap_or(0);
    let values = most(StageMemory::values);
    let all: u64 = stages.iter().map(StageMemory::values).sum();
    let kept = (all - values).min(KEPT);
    PROCESS + DATA * data + most(|stage| stage.weights + stage.checkpoint) + values + kept
}

/// A process with its code and buffers.
const PROCESS: u64 = 40 << 20;
/// Images lie there once: parts of a set share its bytes.
const DATA: u64 = 1;
/// Values of earlier stages that the kernels keep for others of the same size, at the most.
const KEPT: u64 = 512 << 20;

#[cfg(test)]
mod tests {
    use distill_models::{Architecture, Overrides, Signature};

    use super::*;
    use crate::recipe::OptimizerSection;

    #[test]
    fn a_perceptron_is_counted_by_hand() {
        let overrides =
            Overrides { hidden: Some(vec![5]), dropout: Some(0.0), ..Default::default() };
        let signature = Signature::images([1, 2, 2], 3);
        let graph = Architecture::named("mlp-800", overrides)
            .and_then(|architecture| architecture.graph(&signature))
            .expect("a network of the zoo");
        let networks =
            StageNetworks { learning: vec![&graph], teaching: vec![&graph], fused: false };
        let optimizer = OptimizerSection::default().resolve().expect("the defaults");
        let memory = StageMemory::of(&networks, &optimizer, 7, 11);
        let parameters = 4 * 5 + 5 + 5 * 3 + 3;
        // Weights, gradients, two states of Adam, and the teacher's weights.
        assert_eq!(memory.weights, parameters * 5 * 4);
        let footprint = graph.footprint(false, 1);
        assert_eq!(memory.training, (footprint.kept + footprint.backward) * 7 * 4);
        assert_eq!(memory.evaluation, footprint.answering * 11 * 4);
        assert_eq!(memory.on_device(), memory.weights + memory.training.max(memory.evaluation));
        assert_eq!(memory.checkpoint, parameters * 3 * 2 * 4);
        let more = memory.weights + memory.checkpoint + 2 * memory.values() + 1000;
        assert_eq!(on_host(&[memory, memory], 1000), PROCESS + more);
    }
}
