//! Interrupting a run, and comparing what it leaves.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use distill_driver::{Event, ModelCard, Observer, Stage};

/// The bits of every number in a file of weights. The file also holds ids of parameters, which are
/// drawn anew in each run.
pub(crate) fn bits(weights: &Path) -> Vec<u32> {
    struct Collect(Vec<u32>);
    impl ModuleVisitor for Collect {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(param.val().into_data().iter::<f32>().map(f32::to_bits));
        }
    }
    let card = ModelCard::beside(weights).unwrap().unwrap();
    let mut collect = Collect(Vec::new());
    card.load(weights, &Device::flex()).unwrap().visit(&mut collect);
    collect.0
}

/// Every line that a stage wrote.
pub(crate) fn metrics(run: &Path, stage: &str) -> String {
    std::fs::read_to_string(run.join(stage).join("metrics.jsonl")).unwrap()
}

/// Interrupts a run behind a step.
#[allow(dead_code, reason = "not every test interrupts runs")]
pub(crate) struct StopIn<'a> {
    pub(crate) stage: Stage,
    pub(crate) epoch: usize,
    pub(crate) steps: usize,
    pub(crate) interrupt: &'a AtomicBool,
}

impl Observer for StopIn<'_> {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Steps { stage, epoch, step, .. } = event
            && (stage, epoch, step) == (self.stage, self.epoch, self.steps)
        {
            self.interrupt.store(true, Ordering::Relaxed);
        }
    }
}
