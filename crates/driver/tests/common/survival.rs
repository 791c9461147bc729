//! Interrupting a run, and comparing what it leaves.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Tensor};
use sha2::{Digest, Sha256};

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
    fs::read_to_string(run.join(stage).join("metrics.jsonl")).unwrap()
}

/// The checkpoints of a stage, from old to new.
pub(crate) fn checkpoints(stage: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(stage).unwrap().flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("checkpoint-"));
    found.sort();
    found
}

/// Makes a checkpoint's checksum that of the file as it is now.
pub(crate) fn renew_checksum(file: &Path) {
    let sums = file.with_file_name("checksums.json");
    let mut of: serde_json::Value = serde_json::from_slice(&fs::read(&sums).unwrap()).unwrap();
    let sum = hex::encode(Sha256::digest(fs::read(file).unwrap()));
    of[file.file_name().unwrap().to_str().unwrap()] = sum.into();
    fs::write(&sums, of.to_string()).unwrap();
}

/// Interrupts a run behind a step.
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

/// Everything that a run had to say.
#[derive(Default)]
pub(crate) struct Notes(pub(crate) Vec<String>);

impl Observer for Notes {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Note(text) = event {
            self.0.push(text);
        }
    }
}
