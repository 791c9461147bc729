//! The same recipe on every CPU backend: from the same weights, the same losses.

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use burn::tensor::Device;
use common::config;
use distill_driver::{Silent, metrics::Line, run};
use distill_testkit::cpu_devices;

const STEPS: usize = 20;

/// Dropout masks come from the backend's own generator and are no part of this.
const SETTINGS: [&str; 4] =
    ["teacher.epochs=4", "student.epochs=4", "optimizer.learning_rate=1e-3", "teacher.dropout=0.0"];

#[test]
fn the_first_twenty_losses_agree_to_one_in_ten_thousand() {
    let folder = tempfile::tempdir().unwrap();
    let mut of_teachers = Vec::new();
    let mut of_students = Vec::new();
    for (name, device) in cpu_devices() {
        let own = folder.path().join(name);
        of_teachers.push(losses(&own, name, &device, None, &["teacher", "baseline"]));
        // The students have one teacher: two that were trained apart have drifted apart.
        let teacher = folder.path().join("flex/teacher/last.bpk");
        let taught = folder.path().join(format!("{name}-taught"));
        of_students.push(losses(&taught, name, &device, Some(teacher), &["student"]));
    }
    for runs in [of_teachers, of_students] {
        agree(&runs[0], &runs[1]);
    }
}

fn agree(flex: &[Vec<f64>], ndarray: &[Vec<f64>]) {
    for (stage, (flex, ndarray)) in flex.iter().zip(ndarray).enumerate() {
        assert_eq!((flex.len(), ndarray.len()), (STEPS, STEPS));
        assert!(flex.windows(2).all(|pair| pair[0] != pair[1]), "stage {stage}: {flex:?}");
        for (step, (a, b)) in flex.iter().zip(ndarray).enumerate() {
            let off = (a - b).abs() / a.abs();
            assert!(off < 1e-4, "stage {stage}, step {step}: {a} on flex, {b} on ndarray");
        }
    }
}

/// The first losses of some stages of a run.
fn losses(
    out: &Path,
    name: &str,
    device: &Device,
    teacher: Option<PathBuf>,
    stages: &[&str],
) -> Vec<Vec<f64>> {
    let mut config = config(out, device.clone(), name, &SETTINGS);
    if let Some(weights) = teacher {
        common::give_teacher(&mut config.recipe, weights);
    }
    run(&config, &mut Silent, &AtomicBool::new(false)).expect("it runs");
    stages.iter().map(|stage| first_losses(&out.join(stage))).collect()
}

/// The losses of a stage's first steps.
fn first_losses(stage: &Path) -> Vec<f64> {
    let text = fs::read_to_string(stage.join("metrics.jsonl")).expect("a stage has metrics");
    let lines = text.lines().map(|line| serde_json::from_str(line).expect("a line of metrics"));
    let losses = lines.filter_map(|line| match line {
        Line::Steps(steps) => Some(steps.loss),
        _ => None,
    });
    losses.take(STEPS).collect()
}
