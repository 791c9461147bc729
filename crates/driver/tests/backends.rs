//! The same recipe on every CPU backend: from the same weights, the same losses.

mod common;

use std::{fs, sync::atomic::AtomicBool};

use common::config;
use distill_driver::{Silent, metrics::Line, run};
use distill_testkit::cpu_devices;

const STEPS: usize = 20;

#[test]
fn the_first_twenty_losses_agree_to_one_in_ten_thousand() {
    // Dropout masks come from the backend's own generator and are no part of this.
    let settings = [
        "teacher.epochs=4",
        "student.epochs=4",
        "optimizer.learning_rate=1e-3",
        "teacher.dropout=0.0",
    ];
    let mut runs = Vec::new();
    for (name, device) in cpu_devices() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), device, name, &settings);
        run(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
        let losses = |stage: &str| -> Vec<f64> {
            let path = folder.path().join(stage).join("metrics.jsonl");
            let text = fs::read_to_string(path).unwrap();
            let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
            let losses = lines.filter_map(|line| match line {
                Line::Steps(steps) => Some(steps.loss),
                Line::Epoch(_) => None,
            });
            losses.take(STEPS).collect()
        };
        runs.push(["teacher", "baseline", "student"].map(losses));
    }
    for (stage, (flex, ndarray)) in runs[0].iter().zip(&runs[1]).enumerate() {
        assert_eq!((flex.len(), ndarray.len()), (STEPS, STEPS));
        assert!(flex.windows(2).all(|pair| pair[0] != pair[1]), "stage {stage}: {flex:?}");
        for (step, (a, b)) in flex.iter().zip(ndarray).enumerate() {
            let off = (a - b).abs() / a.abs();
            assert!(off < 1e-4, "stage {stage}, step {step}: {a} on flex, {b} on ndarray");
        }
    }
}
