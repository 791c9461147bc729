//! A step of each optimizer, from the same weights.

use burn::{
    module::Module,
    optim::{GradientsParams, ModuleOptimizer},
    tensor::{Device, Tensor},
};
use distill_driver::training::{OptimizerConfig, OptimizerKind};
use distill_models::{ModelInfo, Network, Signature};

use crate::{
    Context,
    item::Item,
    models::{images, loss, network, weights},
};

/// A small network with batch norm and shortcuts.
const NETWORK: &str = "resnet20";
const LEARNING_RATE: f64 = 1e-3;

pub(crate) fn run(context: &Context) -> anyhow::Result<Vec<Item>> {
    let kinds = [OptimizerKind::Sgd, OptimizerKind::Adam, OptimizerKind::AdamW];
    kinds.map(|kind| compare(kind, context)).into_iter().collect()
}

fn compare(kind: OptimizerKind, context: &Context) -> anyhow::Result<Item> {
    let [ours, expected] =
        [&context.device, &context.flex].map(|device| -> anyhow::Result<Vec<f64>> {
            let mut trained = Trained::new(kind, device)?;
            trained.step()?;
            Ok(weights(&trained.network))
        });
    let name = format!("a step of {kind:?}").to_lowercase();
    Ok(Item::of(name, &ours?, &expected?, 1e-3))
}

/// A network that learns eight images.
pub(crate) struct Trained {
    pub(crate) network: Network,
    pub(crate) optimizer: ModuleOptimizer,
    images: Tensor<4>,
}

impl Trained {
    pub(crate) fn new(kind: OptimizerKind, device: &Device) -> anyhow::Result<Self> {
        let (network, signature) = network(ModelInfo::named(NETWORK)?, device)?;
        Ok(Self::with(network.train(), optimizer(kind), &signature, device))
    }

    pub(crate) fn with(
        network: Network,
        optimizer: ModuleOptimizer,
        signature: &Signature,
        device: &Device,
    ) -> Self {
        Self { network, optimizer, images: images(signature, 0.0, device) }
    }

    pub(crate) fn step(&mut self) -> anyhow::Result<()> {
        let gradients = loss(&self.network, self.images.clone())?.backward();
        let gradients = GradientsParams::from_grads(gradients, &self.network);
        let network = self.network.clone();
        self.network = self.optimizer.step(LEARNING_RATE, network, gradients);
        Ok(())
    }
}

/// Adam divides by what may be next to nothing after one step, where digits decide on signs: with this ε it does not.
pub(crate) fn optimizer(kind: OptimizerKind) -> ModuleOptimizer {
    let resolved = OptimizerConfig {
        kind,
        learning_rate: LEARNING_RATE,
        batch: 8,
        weight_decay: 1e-2,
        momentum: 0.9,
        nesterov: false,
        betas: [0.9, 0.999],
        epsilon: 1e-3,
        precision: distill_driver::training::Precision::F32,
        accumulate: 1,
        gradient_checkpoints: 0,
        clip_norm: None,
        max_norm: None,
    };
    resolved.build()
}
