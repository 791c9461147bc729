//! Weights and an optimizer's state, saved on one backend and loaded on another.

use anyhow::Context as _;
use burn::{module::Module, tensor::Device};
use distill_driver::training::OptimizerKind;
use distill_models::{
    ModelInfo,
    weights::{self, Precision},
};

use crate::{
    Context,
    item::Item,
    models::{self, network},
    optimizers::{Trained, optimizer},
};

const NETWORK: &str = "resnet20";
const KIND: OptimizerKind = OptimizerKind::Adam;
const STEPS: usize = 3;

pub(crate) fn run(context: &Context) -> anyhow::Result<Vec<Item>> {
    let Context { device, flex, .. } = context;
    let mut items = Vec::new();
    for (name, from, to) in [("from flex", flex, device), ("to flex", device, flex)] {
        let mut trained = Trained::new(KIND, from)?;
        for _ in 0..STEPS {
            trained.step()?;
        }
        let mut moved = moved(&trained, to)?;
        let saved = models::weights(&trained.network);
        let loaded = models::weights(&moved.network);
        items.push(Item::of(format!("checkpoint {name}, weights"), &loaded, &saved, 0.0));
        for _ in 0..STEPS {
            trained.step()?;
            moved.step()?;
        }
        let [ours, expected] = [&moved, &trained].map(|trained| models::weights(&trained.network));
        let name = format!("checkpoint {name}, three steps on");
        items.push(Item::of(name, &ours, &expected, 1e-3));
    }
    Ok(items)
}

/// What was saved, loaded on another device.
fn moved(trained: &Trained, device: &Device) -> anyhow::Result<Trained> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.bpk");
    std::fs::write(&path, weights::to_bytes(&trained.network, Precision::Single, &path)?)?;
    let (network, signature) = network(ModelInfo::named(NETWORK)?, device)?;
    let network = weights::load(network, &path)?.train();
    let state = trained.optimizer.into_bytes().context("the optimizer's state is written")?;
    let optimizer = optimizer(KIND).from_bytes(state).context("and read")?;
    Ok(Trained::with(network, optimizer, &signature, device))
}
