//! Mixed precision: learning goes on as in single precision, overflows are skipped and nothing else changes.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::config;
use distill_driver::{Report, RunConfig, Silent, Stage, metrics::Line, run, training::Precision};
use survival::{StopIn, bits, metrics};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn complete(out: &Path, settings: &[&str]) -> Report {
    let config = config(out, Device::flex(), "flex", settings);
    run(&config, &mut Silent, &AtomicBool::new(false)).unwrap()
}

/// The loss of each step, none for a skipped one.
fn losses(out: &Path, stage: &str) -> Vec<Option<f64>> {
    let lines = metrics(out, stage);
    let lines = lines.lines().map(|line| serde_json::from_str(line).unwrap());
    lines
        .filter_map(|line| match line {
            Line::Steps(steps) => Some(Some(steps.loss)),
            Line::Skipped(_) => Some(None),
            Line::Epoch(_) => None,
        })
        .collect()
}

#[test]
fn losses_are_those_of_single_precision_within_its_rounding() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let single = folder.path().join("f32");
    let report = complete(&single, &[]);
    assert_eq!(report.models.student.precision, Precision::F32);
    for (name, precision) in [("bf16", Precision::Bf16), ("f16", Precision::F16)] {
        let out = folder.path().join(name);
        let report = complete(&out, &[&format!("optimizer.precision={name}")]);
        assert_eq!(report.models.student.precision, precision);
        for stage in ["teacher", "baseline", "student"] {
            let [ours, expected] = [&out, &single].map(|out| losses(out, stage));
            assert_eq!(ours.len(), expected.len());
            assert_ne!(ours, expected, "{name}: {stage}: it is single precision");
            for (ours, expected) in ours.into_iter().zip(expected) {
                let (ours, expected) = (ours.unwrap(), expected.unwrap());
                let apart = (ours - expected).abs() / expected;
                assert!(apart < 0.1, "{name}: {stage}: {ours} and not {expected}");
            }
        }
    }
}

#[test]
fn gradients_that_overflow_are_left_out_until_the_scale_fits_and_resumed_so() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    // A loss times a hundred and a scale of 2^16, over 32 images: beyond the largest number, 65504.
    let settings = ["optimizer.precision=f16", r#"objective=[{term="cross-entropy", weight=100}]"#];
    let whole = folder.path().join("whole");
    let report = complete(&whole, &settings);
    let seen = losses(&whole, "student");
    assert!(seen[0].is_none(), "{seen:?}");
    let left_out = seen.iter().filter(|loss| loss.is_none()).count();
    assert_eq!(report.models.student.skipped, left_out as u64);
    assert_eq!(report.models.teacher.skipped, 0, "an ordinary loss overflows nothing");
    let learnt: Vec<f64> = seen.into_iter().flatten().collect();
    assert!(learnt[learnt.len() - 1] < learnt[0], "{learnt:?}");

    // Interrupted between two overflows, it goes on with the scale that it had.
    let parted = folder.path().join("parted");
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Student, epoch: 1, steps: 2, interrupt: &interrupt };
    let all = [&settings[..], &["checkpoint_every=1"]].concat();
    let run_it = |resume| RunConfig { resume, ..config(&parted, Device::flex(), "flex", &all) };
    let stopped = run(&run_it(false), &mut stop, &interrupt).unwrap_err();
    assert_eq!(stopped.exit_code(), 130);
    run(&run_it(true), &mut Silent, &AtomicBool::new(false)).unwrap();
    let weights = |out: &Path| bits(&out.join("student/last.bpk"));
    assert_eq!(weights(&parted), weights(&whole));
    assert_eq!(metrics(&parted, "student"), metrics(&whole, "student"));
}

#[test]
fn what_the_device_cannot_compute_in_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let error = common::refused(&out, "optimizer.precision=tf32");
    let expected = "`teacher: optimizer.precision` is `tf32`, expected f32 or bf16 or f16";
    assert!(error.contains(expected), "{error}");
    let error = common::refused(&out, "student.optimizer.precision=tf32");
    assert!(error.contains("`student: optimizer.precision` is `tf32`"), "{error}");
    let error = common::refused(&out, "optimizer.precision=fp8");
    assert!(error.contains("fp8"), "{error}");
}
