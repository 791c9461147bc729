//! What a stage has of its own: views, classes it is trained without, bounded weights.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::config;
use distill_driver::{
    DriverError, Event, Observer, Report, RunConfig, Silent, Stage, run, teacher::cache_list,
};
use survival::{StopIn, bits, metrics};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn views_of_a_stage_win_over_those_of_the_data() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, settings: &[&str]| {
        let out = folder.path().join(name);
        complete(&flex(&out, settings));
        ["teacher", "baseline", "student"].map(|stage| metrics(&out, stage))
    };
    let flip = r#"data.augment=["flip"]"#;
    let common = made("common", &[flip]);
    let own = made("own", &[r#"teacher.augment=["flip"]"#, r#"student.augment=["flip"]"#]);
    assert_eq!(common, own);
    let plain = made("plain", &[flip, "student.augment=[]"]);
    assert_eq!(common[0], plain[0]);
    assert!(common[1] != plain[1] && common[2] != plain[2]);
}

#[test]
fn a_student_may_never_see_a_class() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let mut config =
        flex(&folder.path().join("run"), &[r#"student.without=["3", "8"]"#, "cache={}"]);
    config.cache = folder.path().join("cache");
    let report = complete(&config);
    let entry = cache_list(&config.cache).unwrap().remove(0);
    let images = entry.record.unwrap().images;
    assert!((100..180).contains(&images), "{images} of 192 are of the other eight classes");
    assert!(report.models.teacher.missing.is_none());
    for model in [&report.models.baseline, &report.models.student] {
        let missing = model.missing.as_ref().unwrap();
        assert_eq!(
            (&missing.classes[..], missing.images),
            (&["3".to_owned(), "8".to_owned()][..], 1000)
        );
        assert_eq!(missing.trained.errors, model.test.last.errors);
        assert!(missing.by_test.errors <= missing.by_validation.errors);
        assert!(missing.by_test.errors <= missing.trained.errors);
    }
    // A student of labels alone says such a class only where it was never taught better.
    let baseline = report.models.baseline.missing.as_ref().unwrap();
    assert!(baseline.trained.errors_of_missing >= 900, "{baseline:?}");
}

#[test]
fn weights_stay_below_their_bound() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let made = |name: &str, more: &[&str]| {
        let perceptrons = [
            r#"teacher={model="mlp-800", hidden=[16], epochs=2}"#,
            r#"student={model="mlp-800", hidden=[8], epochs=2}"#,
        ];
        let out = folder.path().join(name);
        complete(&flex(&out, &[&perceptrons[..], more].concat()));
        longest(&out.join("student/last.bpk"))
    };
    assert!(made("free", &[]) > 0.5);
    let bounded = made("bounded", &["optimizer.max_norm=0.5"]);
    assert!(bounded < 0.500_01, "{bounded}");
}

/// The largest norm of the weights into a unit.
fn longest(weights: &Path) -> f32 {
    use burn::module::{Module, ModuleVisitor, Param};
    use burn::tensor::Tensor;
    struct Longest(f32);
    impl ModuleVisitor for Longest {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if D == 2 {
                let norms = param.val().powi_scalar(2).sum_dim(0).sqrt();
                self.0 = norms.into_data().iter::<f32>().fold(self.0, f32::max);
            }
        }
    }
    let card = distill_driver::ModelCard::beside(weights).unwrap().unwrap();
    let mut longest = Longest(0.0);
    card.load(weights, &Device::flex()).unwrap().visit(&mut longest);
    longest.0
}

#[test]
fn what_no_stage_can_do_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, expected) in [
        (r#"student.without=["three"]"#, "`student.without` is `three`, expected one of 0, 1, 2"),
        (
            r#"student.without=["0","1","2","3","4","5","6","7","8"]"#,
            "leave two classes at the least",
        ),
        (r#"teacher.without=["3"]"#, "`teacher.without` is `3`, expected to be left out"),
        (r#"student.augment=["pad-crop 32"]"#, "`student.augment` is `pad-crop 32`"),
        (
            r#"student.augment=["flip", "flip"]"#,
            "`student.augment` is `flip`, expected each change once",
        ),
        ("optimizer.max_norm=0", "optimizer.max_norm` is `0`"),
    ] {
        let error = common::refused(&folder.path().join("out"), setting);
        assert!(error.contains(expected), "{error}, expected {expected}");
    }
}

#[test]
fn finished_stages_of_another_run_are_taken_where_their_inputs_are_the_same() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let first = place("first");
    let report = complete(&flex(&first, &[]));
    let after = |name: &str, settings: &[&str]| {
        let mut config = flex(&place(name), settings);
        config.reuse = vec![place("nothing"), first.clone()];
        let mut taken = Taken::default();
        let report = run(&config, &mut taken, &AtomicBool::new(false)).unwrap();
        (report, taken.0)
    };
    let hotter = ["objective.0.temperature=8"];
    let (other, taken) = after("other", &hotter);
    assert_eq!(taken, ["teacher", "baseline"]);
    let alone = complete(&flex(&place("alone"), &hotter));
    for (stage, like) in [("teacher", "first"), ("baseline", "first"), ("student", "alone")] {
        let last = |run: &str| bits(&place(run).join(stage).join("last.bpk"));
        assert_eq!(last("other"), last(like), "{stage}");
    }
    assert_eq!(other.models.student.test.last, alone.models.student.test.last);
    assert_eq!(other.models.teacher.test, report.models.teacher.test);

    assert_eq!(after("longer", &["teacher.epochs=2"]).1, ["baseline"]);
    let weights = first.join("teacher/last.bpk");
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assert_eq!(after("damaged", &hotter).1, ["baseline"]);
}

#[test]
fn what_cannot_be_taken_is_made() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name);
    let first = place("first");
    let report = complete(&flex(&first, &[]));
    let reusing = |name: &str| {
        let reuse = vec![first.clone()];
        RunConfig { reuse, resume: true, ..flex(&place(name), &[]) }
    };
    let taken = |config: &RunConfig| {
        let mut taken = Taken::default();
        let report = run(config, &mut taken, &AtomicBool::new(false)).unwrap();
        (report, taken.0)
    };

    // A process was killed while it copied: what it left is gone and done again.
    let config = reusing("killed");
    let half = config.out.join(".writing-reused");
    std::fs::create_dir_all(&half).unwrap();
    std::fs::write(half.join("test.json"), "{").unwrap();
    std::fs::copy(first.join("teacher/stage.json"), half.join("stage.json")).unwrap();
    let (made, names) = taken(&config);
    assert_eq!(
        (made, &names[..]),
        (report.clone(), &["teacher", "baseline", "student"].map(String::from)[..])
    );
    assert!(!half.exists());

    // What is begun goes on.
    let config = reusing("begun");
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Teacher, epoch: 1, steps: 1, interrupt: &interrupt };
    let begun = RunConfig { reuse: Vec::new(), ..config.clone() };
    assert!(matches!(run(&begun, &mut stop, &interrupt), Err(DriverError::Interrupted { .. })));
    assert_eq!(taken(&config).1, ["baseline", "student"]);
    assert_eq!(bits(&config.out.join("teacher/last.bpk")), bits(&first.join("teacher/last.bpk")));

    // Scores that cannot be read are no part of what is taken.
    std::fs::write(first.join("teacher/test.json"), "{").unwrap();
    let (made, names) = taken(&reusing("unread"));
    assert_eq!((made.models.teacher.test, names.len()), (report.models.teacher.test, 3));
}

#[test]
fn a_finished_run_is_known_by_its_records() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config = flex(&folder.path().join("run"), &[]);
    assert!(!config.is_finished(""), "there is nothing yet");
    let dataset = complete(&config).dataset.sha256;
    assert!(config.is_finished(&dataset));
    assert!(!config.is_finished("other data"));
    assert!(!RunConfig { seed: config.seed + 1, ..config.clone() }.is_finished(&dataset));
    assert!(!RunConfig { backend: "wgpu".to_owned(), ..config.clone() }.is_finished(&dataset));
    assert!(!flex(&config.out, &["objective.0.temperature=8"]).is_finished(&dataset));

    // Its student is being made again.
    std::fs::remove_file(config.out.join("student/stage.json")).unwrap();
    assert!(!config.is_finished(&dataset));
    complete(&RunConfig { resume: true, ..config.clone() });
    assert!(config.is_finished(&dataset));

    // A teacher that is given is this file, with what is in it.
    let weights = folder.path().join("teacher.bpk");
    std::fs::copy(config.out.join("teacher/last.bpk"), &weights).unwrap();
    let mut given = flex(&folder.path().join("given"), &[]);
    common::give_teacher(&mut given.recipe, weights.clone());
    complete(&given);
    assert!(given.is_finished(&dataset));
    let mut bytes = std::fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&weights, bytes).unwrap();
    assert!(!given.is_finished(&dataset));
}

/// Names of the stages that came from another run.
#[derive(Default)]
struct Taken(Vec<String>);

impl Observer for Taken {
    fn on(&mut self, event: Event<'_>) {
        if let Event::Note(text) = event
            && let Some((stage, _)) = text.split_once(": taken from ")
        {
            self.0.push(stage.to_owned());
        }
    }
}

fn flex(out: &Path, more: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", more)
}

fn complete(config: &RunConfig) -> Report {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap()
}
