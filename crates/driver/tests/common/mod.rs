//! A recipe that runs in seconds.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use burn::tensor::Device;
use distill_driver::{
    Capabilities, RunConfig, Silent, Stage,
    recipe::{self, GivenWeights, NetworkPlan, Origin, Plan},
    run,
};

/// A tiny `digits`: two small networks, 192 training images, three epochs of six steps.
pub(crate) const SETTINGS: [&str; 9] = [
    "data.train=192",
    "data.validation=64",
    "teacher.epochs=3",
    "teacher.blocks=[[8], [8]]",
    "student.epochs=3",
    "student.blocks=[[4], [4]]",
    "optimizer.batch=32",
    "log_every=1",
    "optimizer.learning_rate=1e-2",
];

/// A run of the tiny recipe in `out`, with `more` settings over it.
pub(crate) fn config(out: &Path, device: Device, backend: &str, more: &[&str]) -> RunConfig {
    let settings: Vec<String> =
        SETTINGS.iter().chain(more).map(|setting| (*setting).to_owned()).collect();
    let (recipe, source) = recipe::read("digits", &settings).unwrap();
    RunConfig {
        recipe: recipe::Plan::new(recipe, &source).unwrap(),
        seed: 7,
        out: out.to_owned(),
        data: out.join("no-data"),
        offline: true,
        resume: false,
        backend: backend.to_owned(),
        capabilities: Capabilities {
            host_memory: true,
            fused_norm: backend == "flex",
            free_memory: Some(|| Some(64 << 30)),
            ..Capabilities::default()
        },
        device,
        cache: out.join("cache"),
        workers: 2,
        reuse: Vec::new(),
        decoded: None,
    }
}

/// The error of a run that must be refused for one setting, before it leaves anything in `out`.
#[allow(dead_code, reason = "not every test has settings that are refused")]
pub(crate) fn refused(out: &Path, setting: &str) -> String {
    let settings: Vec<String> =
        SETTINGS.iter().chain(&[setting]).map(|setting| (*setting).to_owned()).collect();
    let resolved = recipe::read("digits", &settings)
        .and_then(|(recipe, source)| recipe::Plan::new(recipe, &source));
    let error = match resolved {
        Ok(recipe) => {
            let config = RunConfig { recipe, ..config(out, Device::flex(), "flex", &[]) };
            run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err()
        }
        Err(error) => error,
    };
    assert_eq!(error.exit_code(), 2, "{error}");
    assert!(!out.exists(), "{setting}: nothing is left behind");
    error.to_string()
}

/// Puts given weights in the place of the teacher's training.
#[allow(dead_code, reason = "not every test gives its teacher")]
pub(crate) fn give_teacher(plan: &mut Plan, weights: PathBuf) {
    let teacher = plan.stages.iter_mut().find(|plan| plan.stage == Stage::Teacher);
    match teacher.map(|teacher| &mut teacher.makes) {
        Some(NetworkPlan::Single(teacher)) => {
            let given = GivenWeights { file: weights, key: None, classes: Vec::new() };
            teacher.origin = Origin::Pretrained(given);
        }
        _ => panic!("the tiny recipe has one teacher"),
    }
}
