//! Networks of a run that leave it, and the better one by name.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{fs, path::Path};

use common::{TINY, distill, refused, stderr, stdout};
use serde_json::{Value, json};

#[test]
fn any_network_is_exported_and_a_better_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let run = out.to_str().unwrap();
    let more = ["--out", run, "--set=teacher.blocks=[[8],[8]]", "--set=student.blocks=[[4],[4]]"];
    let output = distill(&[&["run", "digits"], &TINY[..], &more].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));

    // Baseline and student have one architecture; the teacher is better, and larger.
    for (stage, top1) in [("teacher", 0.9), ("baseline", 0.75), ("student", 0.5)] {
        set_top1(&out.join(stage).join("test.json"), top1);
    }
    let export = |more: &[&str]| {
        let output = distill(&[&["export", run, "--formats=bpk"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        stdout(&output)
    };
    let better = |more: &[&str]| -> Value {
        let said: Value = serde_json::from_str(&export(&[more, &["--json"]].concat())).unwrap();
        said["better"].clone()
    };
    let said = export(&[]);
    assert!(said.contains("The baseline is the better network: 75.00 %"), "{said}");
    assert!(said.contains("student 50.00 %. `--stage baseline` exports it"), "{said}");
    let baseline = json!({ "stage": "baseline", "top1": 0.75, "other_top1": 0.5 });
    assert_eq!(better(&[]), baseline);
    assert!(!export(&["--stage", "baseline"]).contains("better"));
    assert_eq!(better(&["--stage=baseline"]), Value::Null, "the teacher is larger");
    assert_eq!(better(&["--stage=teacher"]), Value::Null);

    set_top1(&out.join("student/test.json"), 0.95);
    let said = export(&["--stage", "teacher"]);
    assert!(said.contains("The student is the better network: 95.00 %"), "{said}");
    assert_eq!(better(&[]), Value::Null);

    let weights = out.join("export-baseline/baseline.bpk");
    let scores = distill(&["evaluate", weights.to_str().unwrap(), "--limit=9", "--json"]);
    assert_eq!(scores.status.code(), Some(0), "{}", stderr(&scores));
    let error = refused(&["export", run, "--stage", "assistant"]);
    assert!(error.contains("no trained network `assistant`"), "{error}");
    assert!(error.contains("it has teacher, baseline, student"), "{error}");
}

/// Writes another accuracy after the last epoch into a record.
fn set_top1(path: &Path, top1: f64) {
    let mut record: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    record["last"]["top1"] = top1.into();
    fs::write(path, record.to_string()).unwrap();
}
