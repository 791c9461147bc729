//! The same recipe, seed and backend give the same bits, run after run, whatever prepares the batches.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::sync::atomic::AtomicBool;

use common::config;
use distill_driver::{RunConfig, Silent, Stage, run};
use distill_testkit::cpu_devices;
use survival::{bits, metrics};

/// Dropout, views, features and what is trained beside them.
const SETTINGS: [&str; 5] = [
    r#"data.augment=["pad-crop 2", "flip"]"#,
    "teacher.dropout=0.2",
    "student.dropout=0.1",
    "student.epochs=2",
    r#"objective=[{term="cross-entropy"}, {term="soft-targets"}, {term="hint"}, {term="crd", dim=8, negatives=16}]"#,
];

#[test]
fn workers_and_repetition_change_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    for (name, device) in cpu_devices() {
        let made = |out: &str, workers| {
            let out = folder.path().join(format!("{name}-{out}"));
            let config = config(&out, device.clone(), name, &SETTINGS);
            let config = RunConfig { workers, ..config };
            run(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
            out
        };
        let first = made("one", 1);
        for again in [made("again", 1), made("two", 2), made("four", 4)] {
            for stage in Stage::ALL {
                let stage = stage.name();
                assert!(metrics(&again, stage) == metrics(&first, stage), "{again:?}: {stage}");
                for file in ["last.bpk", "selected.bpk"] {
                    let [a, b] = [&again, &first].map(|out| bits(&out.join(stage).join(file)));
                    assert!(a == b, "{again:?}: {stage}/{file}");
                }
            }
        }
    }
}
