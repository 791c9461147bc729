//! Finished runs beside one another.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::atomic::AtomicBool,
};

use burn::tensor::Device;
use common::config;
use distill_driver::{Comparison, Over, Report, RunConfig, Silent, Stage, run};

#[test]
fn seeds_make_a_group_and_settings_make_another() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let softer = "objective.0.temperature=2";
    let mut reports = Vec::new();
    for (name, seed, more) in [
        ("a1", 1, &[][..]),
        ("a2", 2, &["log_every=3"]),
        ("b1", 1, &[softer]),
        ("b3", 3, &[softer]),
    ] {
        reports.push(complete(&place(name), seed, more));
    }
    let all: Vec<PathBuf> = ["a1", "b1", "a2", "b3"].map(place).into();
    let comparison = Comparison::of(&all).unwrap();
    let [a, b] = &comparison.groups[..] else { panic!("{comparison:?}") };
    assert_eq!((&a.seeds[..], &b.seeds[..]), (&[1, 2][..], &[1, 3][..]));

    let gains = [reports[0].student_gain_top1, reports[1].student_gain_top1];
    assert_eq!(a.gain_last.figure.values, gains);
    assert!((a.gain_last.figure.mean - (gains[0] + gains[1]) / 2.0).abs() < 1e-12);
    assert_eq!(a.gain_last.over, Over::Runs);
    let [low, high] = a.gain_last.interval.unwrap();
    assert!(low <= a.gain_last.figure.mean && a.gain_last.figure.mean <= high);
    let student = |report: &Report| report.models.student.test.last.top1;
    // Seed 1 is the one that both groups have.
    let against = b.against_first.as_ref().unwrap();
    assert_eq!(against.figure.values, [student(&reports[2]) - student(&reports[0])]);
    assert_eq!((&a.against_first, against.interval), (&None, None));

    let models = &a.models;
    assert_eq!(models.iter().map(|model| model.stage).collect::<Vec<_>>(), Stage::ALL);
    assert!(models[0].teacher_agreement.is_none() && models[2].teacher_agreement.is_some());
    for (model, report) in models.iter().zip([Stage::Teacher, Stage::Baseline, Stage::Student]) {
        let own = reports[0].of(report);
        assert_eq!(model.nll.values[0], own.test.last.nll, "the calibration is the last epoch's");
        assert!(own.calibration.nll_scaled.is_finite());
    }

    // One run alone: over its images, and the classes add up to the whole.
    let one = Comparison::of(&[place("a1")]).unwrap().groups.remove(0);
    assert_eq!(one.gain_last.over, Over::Images);
    assert!((one.gain_last.figure.mean - gains[0]).abs() < 1e-12);
    let sum =
        |part: fn(&distill_driver::ClassFigures) -> f64| one.classes.iter().map(part).sum::<f64>();
    assert_eq!((one.classes.len(), sum(|class| class.images as f64)), (10, 5000.0));
    let change = sum(|class| class.gained) - sum(|class| class.lost);
    assert!((change / 5000.0 - gains[0]).abs() < 1e-12);
    let right = sum(|class| class.student * class.images as f64) / 5000.0;
    assert!((right - student(&reports[0])).abs() < 1e-12);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("run");
    complete(&run, 1, &[]);
    let refused = |runs: &[PathBuf]| Comparison::of(runs).unwrap_err().to_string();
    let error = refused(&[run.clone(), folder.path().join("none")]);
    assert!(error.contains("there is no `run.json`"), "{error}");
    let error = refused(&[run.clone(), run.clone()]);
    assert!(error.contains("the same recipe with seed 1 is there already"), "{error}");

    // Scores of an earlier version are made up for by the next run, not by a comparison.
    let test = run.join("student/test.json");
    let mut old: serde_json::Value = serde_json::from_slice(&fs::read(&test).unwrap()).unwrap();
    for field in ["calibration", "classes"] {
        old.as_object_mut().unwrap().remove(field).unwrap();
    }
    fs::write(&test, old.to_string()).unwrap();
    let error = refused(std::slice::from_ref(&run));
    assert!(error.contains("hint: finish it with"), "{error}");
    complete(&run, 1, &[]);
    assert_eq!(Comparison::of(&[run]).unwrap().groups.len(), 1);
}

fn complete(out: &Path, seed: u64, more: &[&str]) -> Report {
    let config = RunConfig { seed, ..config(out, Device::flex(), "flex", more) };
    run(&config, &mut Silent, &AtomicBool::new(false)).unwrap()
}
