//! Students that learn from features: what is trained beside them survives, counts when it is to, and never leaves.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{fs, path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::config;
use distill_driver::{DriverError, RunConfig, Silent, Stage, run};
use serde_json::Value;
use survival::{StopIn, bits};

/// Every kind of connector, a stage of hints, a warm-up, two temperatures.
const OBJECTIVE: &str = r#"objective=[
    {term="cross-entropy"},
    {term="soft-targets", temperature={from=6, to=2, epochs=3}, standardise=true},
    {term="hint", weight={to=10, last=2}},
    {term="attention", weight={from=0, to=100, epochs=3}},
    {term="vid"}, {term="overhaul"}, {term="review"},
    {term="crd", dim=8, negatives=16},
]"#;

#[test]
fn an_interrupted_run_with_connectors_ends_with_the_bits_of_an_undisturbed_one() {
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let formula = complete(&flex(whole.path(), &[OBJECTIVE]));
    assert!(formula.contains("10.00[1..2]·hint(block2)"), "{formula}");
    assert!(formula.contains("T²·KL(T=(6→2 over 3 epochs), z̃)"), "{formula}");
    assert!(formula.contains("(0.00→100.00 over 3 epochs)·attention(block1, block2)"), "{formula}");
    assert!(formula.contains("overhaul(block1.preact, block2.preact)"), "{formula}");

    let interrupt = AtomicBool::new(false);
    let mut observer = StopIn { stage: Stage::Student, epoch: 2, steps: 3, interrupt: &interrupt };
    let error = run(&flex(broken.path(), &[OBJECTIVE]), &mut observer, &interrupt).unwrap_err();
    assert!(matches!(error, DriverError::Interrupted { .. }), "{error}");
    let checkpoint = broken.path().join("student/checkpoint-0000002-0000003/connectors.bpk");
    assert!(checkpoint.is_file());
    let mut config = flex(broken.path(), &[OBJECTIVE]);
    config.resume = true;
    complete(&config);

    let [a, b] = [broken.path(), whole.path()].map(|folder| folder.join("student"));
    let metrics = |folder: &Path| fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
    assert_eq!(metrics(&a), metrics(&b));
    for file in ["last.bpk", "selected.bpk"] {
        assert!(bits(&a.join(file)) == bits(&b.join(file)), "{file} differs");
    }
    let exported = fs::read(broken.path().join("export/student.bpk")).unwrap();
    assert_eq!(exported, fs::read(a.join("selected.bpk")).unwrap());

    // Each term under its name in the epochs in which it counts, with its share of the gradient.
    let lines: Vec<Value> =
        metrics(&a).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let epochs: Vec<&Value> = lines.iter().filter(|line| line["event"] == "epoch").collect();
    for (epoch, line) in epochs.iter().enumerate() {
        let counts = if epoch < 2 { 8 } else { 7 };
        for table in ["terms", "gradient_shares"] {
            assert_eq!(line[table].as_object().unwrap().len(), counts, "{table}, {epoch}");
        }
        assert_eq!(line["terms"].get("hint").is_some(), epoch < 2);
        let shares = line["gradient_shares"].as_object().unwrap().values();
        let sum: f64 = shares.map(|share| share.as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{sum}");
    }
}

#[test]
fn what_cannot_be_compared_is_refused_before_any_work() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    for (objective, expected) in [
        (r#"objective=[{term="hint", taps=[["block2", "block7"]]}]"#, "one of the teacher's"),
        (r#"objective=[{term="hint", taps=[["block9", "block2"]]}]"#, "`block2.preact` (4x16x16)"),
        (r#"objective=[{term="overhaul", taps=[["block1", "block2"]]}]"#, "maps of one size"),
        (r#"objective=[{term="top-k", k=10}]"#, "less than the 10 classes"),
        (r#"objective=[{term="vid", weight={from=0, to=1}}]"#, "belong together"),
        (r#"objective=[{term="dist", temperature={to=4, last=3}}]"#, "objective[0].temperature"),
    ] {
        let error = common::refused(&out, objective);
        assert!(error.contains(expected), "{error}, expected {expected}");
    }
}

fn flex(out: &Path, more: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", more)
}

/// The formula that the run minimised.
fn complete(config: &RunConfig) -> String {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap().objective.formula
}
