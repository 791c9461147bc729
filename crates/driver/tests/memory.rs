//! Less memory, the same result: batches in parts, values that are computed twice; and what does not fit is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use common::config;
use distill_driver::{Silent, metrics::Line, run};
use distill_testkit::relative_l2;
use survival::{bits, metrics};

/// Perceptrons: no image's logits depend on the others.
const SETTINGS: [&str; 3] = [
    r#"teacher={model="mlp-800", hidden=[16], epochs=2}"#,
    r#"student={model="mlp-800", hidden=[8], epochs=2}"#,
    "optimizer.kind=sgd",
];

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn parts_of_a_batch_sum_up_to_the_whole() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let made = |parts: usize| {
        let out = folder.path().join(parts.to_string());
        let accumulate = format!("optimizer.accumulate={parts}");
        let settings: Vec<&str> = SETTINGS.into_iter().chain([accumulate.as_str()]).collect();
        let config = config(&out, Device::flex(), "flex", &settings);
        run(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
        out
    };
    let whole = made(1);
    // Five parts of 32 images are of two sizes.
    for parts in [2, 5, 100].map(made) {
        for stage in ["teacher", "baseline", "student"] {
            let [ours, expected] = [&parts, &whole].map(|out| numbers(&metrics(out, stage)));
            let off = relative_l2(&ours, &expected);
            assert!(off < 1e-5, "{parts:?}: {stage}: metrics off by {off:e}");
            let [ours, expected] = [&parts, &whole].map(|out| {
                let bits = bits(&out.join(stage).join("last.bpk"));
                bits.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect::<Vec<_>>()
            });
            let off = relative_l2(&ours, &expected);
            assert!(off < 1e-5, "{parts:?}: {stage}: weights off by {off:e}");
        }
    }
}

#[test]
fn values_that_are_computed_twice_change_no_bit() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    // Batch norms with running statistics, features that are compared, connectors that learn.
    let hint = r#"objective=[{term="cross-entropy"}, {term="hint", taps=[["block1", "block1"]]}]"#;
    for (name, objective) in [("labels", r#"objective=[{term="cross-entropy"}]"#), ("hint", hint)] {
        let made = |checkpoints: usize| {
            let out = folder.path().join(format!("{name}-{checkpoints}"));
            let checkpoints = format!("optimizer.gradient_checkpoints={checkpoints}");
            let settings = ["teacher.dropout=0.0", objective, checkpoints.as_str()];
            let config = config(&out, Device::flex(), "flex", &settings);
            run(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
            out
        };
        let (kept, recomputed) = (made(0), made(2));
        for stage in ["teacher", "student"] {
            let [ours, expected] = [&recomputed, &kept].map(|out| metrics(out, stage));
            assert_eq!(ours, expected, "{name}: {stage}");
            let [ours, expected] =
                [&recomputed, &kept].map(|out| bits(&out.join(stage).join("last.bpk")));
            assert!(ours == expected, "{name}: {stage}: other weights");
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    // More than a terabyte of weights.
    let large = ["student.blocks=[[65536], [65536], [65536], [65536]]"];
    let config = config(&out, Device::flex(), "flex", &large);
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let error = error.to_string();
    assert!(error.contains("needs about") && error.contains("the most in `student`"), "{error}");
    assert!(error.contains("with 32 images at a time\nhint: one image"), "{error}");
    assert!(!out.exists(), "nothing is left behind");
}

/// Losses, terms and accuracies of every line.
fn numbers(metrics: &str) -> Vec<f64> {
    let lines = metrics.lines().map(|line| serde_json::from_str(line).unwrap());
    let numbers = lines.flat_map(|line| match line {
        Line::Steps(steps) => [steps.loss].into_iter().chain(steps.terms.into_values()).collect(),
        Line::Epoch(epoch) => vec![epoch.train_top1, epoch.loss, epoch.validation_nll],
        Line::Skipped(_) => Vec::new(),
    });
    numbers.collect()
}
