//! A batch in parts gives the gradients of the whole.
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

#[test]
fn parts_of_a_batch_sum_up_to_the_whole() {
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

/// Losses, terms and accuracies of every line.
fn numbers(metrics: &str) -> Vec<f64> {
    let lines = metrics.lines().map(|line| serde_json::from_str(line).unwrap());
    let of_line = |line| match line {
        Line::Steps(steps) => [steps.loss].into_iter().chain(steps.terms.into_values()).collect(),
        Line::Epoch(epoch) => vec![epoch.train_top1, epoch.loss, epoch.validation_nll],
        Line::Skipped(_) => Vec::new(),
    };
    lines.flat_map(of_line).collect()
}
