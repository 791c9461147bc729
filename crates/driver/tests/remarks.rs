//! A run whose teacher is worse than its baseline says so, in its report and beforehand.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use common::config;
use distill_driver::{Reason, Remark, Report, Silent, forecast, run};

fn reasons(remarks: &[Remark]) -> Vec<Reason> {
    remarks.iter().map(|remark| remark.reason).collect()
}

/// A teacher that has hardly learnt anything teaches a student that could do better alone.
#[test]
fn a_poor_teacher_is_named_in_the_report_and_beforehand() {
    let folder = tempfile::tempdir().unwrap();
    let make = |out: &str, more: &[&str]| -> Report {
        let common = [
            "data.train=1500",
            "student.epochs=5",
            "student.blocks=[[8], [16]]",
            "objective.0.temperature=50",
            "objective.1.weight=0.01",
        ];
        let settings: Vec<&str> = common.into_iter().chain(more.iter().copied()).collect();
        let config = config(&folder.path().join(out), Device::flex(), "flex", &settings);
        run(&config, &mut Silent, &AtomicBool::new(false)).unwrap()
    };
    let report = make("poor", &["teacher.epochs=1", "teacher.blocks=[[1], [1]]"]);
    let models = &report.models;
    let found = reasons(&report.remarks);
    assert!(models.teacher.test.selected.top1 < models.baseline.test.last.top1, "{models:?}");
    assert_eq!(found[0], Reason::TeacherBelowBaseline, "{:?}", report.remarks);
    let text = &report.remarks[0].found;
    let number = format!("{:.2} %", 100.0 * models.teacher.test.selected.top1);
    assert!(text.contains(&number), "{text}");
    assert!(found.contains(&Reason::SoftTargetsUniform), "{:?}", report.remarks);
    let again = Report::assemble(&folder.path().join("poor")).unwrap();
    assert_eq!(again.remarks, report.remarks);

    // The same teacher as given weights: what its soft targets say shows before any training.
    let weights = folder.path().join("poor/teacher/selected.bpk");
    let weights = format!("teacher.weights={:?}", weights.display().to_string());
    let given = [
        "teacher.epochs=0",
        "teacher.blocks=[[1], [1]]",
        "objective.0.temperature=50",
        weights.as_str(),
    ];
    let config = config(&folder.path().join("given"), Device::flex(), "flex", &given);
    let forecast = forecast(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
    assert!(
        reasons(&forecast.remarks).contains(&Reason::SoftTargetsUniform),
        "{:?}",
        forecast.remarks
    );
    let signal = forecast.teacher.unwrap();
    assert_eq!((signal.images, signal.temperature), (192, 50.0));
}
