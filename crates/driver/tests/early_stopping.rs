//! Early stopping: when a training ends, what it leaves, and that an interruption changes nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::{config, refused};
use distill_driver::{DriverError, Report, RunConfig, Silent, Stage, run};
use serde_json::Value;
use survival::{Notes, StopIn, bits, metrics};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Nothing gains 90 points after the first epoch: the third is the last.
const IMPATIENT: [&str; 3] = ["student.epochs=8", "student.patience=2", "student.min_delta=0.9"];

#[test]
fn a_training_stops_with_the_steps_of_a_whole_one_so_far() {
    let _turn = TURN.lock();
    let (stopped, whole) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut notes = Notes::default();
    let report = run(&flex(stopped.path(), &IMPATIENT), &mut notes, &AtomicBool::new(false));
    let report = report.unwrap();
    complete(&flex(whole.path(), &IMPATIENT[..1]));
    let teacher = &report.models.teacher;
    assert_eq!((teacher.epochs, teacher.planned_epochs), (3, None), "it has no patience");
    for name in ["baseline", "student"] {
        let model = report.of(Stage::named(name));
        assert_eq!((model.epochs, model.planned_epochs), (3, Some(8)));
        let note = format!("{name}: stopped after epoch 3 of 8: no improvement for 2 epochs");
        assert!(notes.0.contains(&note), "{:?}", notes.0);
        let [own, all] = [stopped.path(), whole.path()].map(|run| lines(run, name));
        // The learning rate follows the schedule of eight epochs.
        let (last, before) = own.split_last().unwrap();
        assert_eq!((own.len(), before), (3 * 7, &all[..3 * 7 - 1]));
        assert_eq!((&last["stopped"], all[3 * 7 - 1].get("stopped")), (&Value::from(true), None));
    }
    let record: Value = read(&stopped.path().join("student/inputs.json"));
    assert_eq!(record["early_stopping"]["patience"], 2);
    let record: Value = read(&whole.path().join("student/inputs.json"));
    assert!(record.get("early_stopping").is_none(), "what is not set is in no fingerprint");

    let mut notes = Notes::default();
    let again = run(&flex(stopped.path(), &IMPATIENT), &mut notes, &AtomicBool::new(false));
    assert_eq!(again.unwrap(), report, "a stopped stage is done");
}

#[test]
fn an_interrupted_run_stops_with_the_bits_of_an_undisturbed_one() {
    let _turn = TURN.lock();
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let expected = complete(&flex(whole.path(), &IMPATIENT));
    // At the end of an epoch that did not improve, and behind the last step of all, when the stage is done.
    for (epoch, done) in [(2, false), (3, true)] {
        let interrupt = AtomicBool::new(false);
        let mut observer = StopIn { stage: Stage::Student, epoch, steps: 6, interrupt: &interrupt };
        let mut config = flex(broken.path(), &IMPATIENT);
        config.resume = epoch == 3;
        let error = run(&config, &mut observer, &interrupt).unwrap_err();
        assert!(matches!(error, DriverError::Interrupted { .. }), "{error}");
        assert_eq!(broken.path().join("student/stage.json").is_file(), done);
    }
    let mut config = flex(broken.path(), &IMPATIENT);
    config.resume = true;
    let report = complete(&config);
    assert_eq!(report.models.student.test, expected.models.student.test);
    assert_eq!(metrics(broken.path(), "student"), metrics(whole.path(), "student"));
    for file in ["last.bpk", "selected.bpk"] {
        let [a, b] = [broken.path(), whole.path()].map(|run| bits(&run.join("student").join(file)));
        assert!(a == b, "{file} differs");
    }
}

#[test]
fn what_cannot_stop_early_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, expected) in [
        ("student.patience=0", "`student.patience` is `0`, expected at least 1"),
        ("student.min_delta=0.1", "`student.min_delta` is `0.1`, expected to be left out"),
        (
            "teacher={model=\"vgg-small\", epochs=3, patience=1, min_delta=1.5}",
            "`teacher.min_delta` is `1.5`, expected a fraction in [0, 1)",
        ),
        (
            "teacher={model=\"vgg-small\", weights=\"x.bpk\", patience=1}",
            "`teacher.patience` is `given`, expected to be left out: given weights",
        ),
        (
            "networks.a={model=\"vgg-small\", epochs=2, from=\"student@2\"}",
            "`networks.a.from` is `student@2`, expected no epoch",
        ),
    ] {
        let error = refused(&folder.path().join("run"), setting);
        assert!(error.contains(expected), "{setting}: {error}, expected {expected}");
    }
    let patient = r#"teacher={model="vgg-small", epochs=3, patience=1}"#;
    let settings = ["student.from=teacher@2", patient];
    let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
    let (recipe, source) = distill_driver::recipe::read("digits", &settings).unwrap();
    let error = distill_driver::recipe::Plan::new(recipe, &source).unwrap_err().to_string();
    let expected = "`student.from` is `teacher@2`, expected no epoch: with `patience`";
    assert!(error.contains(expected), "{error}");
}

fn flex(out: &Path, settings: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", settings)
}

fn complete(config: &RunConfig) -> Report {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap()
}

fn lines(run: &Path, stage: &str) -> Vec<Value> {
    metrics(run, stage).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}
