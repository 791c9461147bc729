//! Weights of classes: what they act on, what they change, what is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{collections::BTreeMap, path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::{config, refused};
use distill_driver::{Event, Observer, Report, RunConfig, Silent, Stage, run};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn teacher_baseline_and_student_are_trained_with_the_same_weights() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    // With one class that counts, a network that learns from labels alone says nothing else.
    let weights = "data.class_weights=[0, 0, 0, 1, 0, 0, 0, 0, 0, 0]";
    let settings = [weights, "teacher.epochs=8", "student.epochs=8"];
    let (report, formulas) = complete(&flex(folder.path(), &settings));
    assert_eq!(report.objective.formula, "0.90·T²·KL(T=4) + 0.10·CE(w_y)");
    assert_eq!(formulas[&Stage::Teacher], "1.00·CE(w_y)");
    assert_eq!(formulas[&Stage::Baseline], "1.00·CE(w_y)");
    assert_eq!(formulas[&Stage::Student], report.objective.formula);
    for stage in Stage::ALL {
        let classes = &report.of(stage).classes;
        let right: usize = classes.iter().map(|class| class.right).sum();
        let [of_three, images] = [classes[3].right, classes[3].images];
        assert!(4 * of_three >= 3 * images, "{stage:?} says 3: {of_three} of {images}");
        assert!(right - of_three < images / 5, "and little else: {right}");
        let inputs = inputs(folder.path(), stage);
        assert_eq!(inputs["class_weights"][3], 1.0);
    }
}

#[test]
fn balanced_weights_and_a_table_of_the_same_numbers_train_the_same_networks() {
    let _turn = TURN.lock();
    let [rule, table, none] = [(); 3].map(|()| tempfile::tempdir().unwrap());
    let without = r#"student.without=["3"]"#;
    let (balanced, formulas) =
        complete(&flex(rule.path(), &["data.class_weights=balanced", without]));
    assert_eq!(formulas[&Stage::Baseline], "1.00·CE(balanced w_y)");
    let (plain, _) = complete(&flex(none.path(), &[without]));
    assert_ne!(balanced.models.baseline.test, plain.models.baseline.test);
    assert_ne!(balanced.models.student.test, plain.models.student.test);
    let inputs = inputs(none.path(), Stage::Student);
    assert!(inputs.get("class_weights").is_none(), "what is not set is in no fingerprint");

    // What the rule gives for the training images of the teacher, which are the first 192.
    let data = distill_datasets::load(
        &distill_datasets::LoadConfig::new("digits".to_owned(), table.path().to_owned()),
        &mut |_| {},
    )
    .unwrap();
    let mut counts = BTreeMap::<u32, usize>::new();
    for label in data.train.first(192).labels() {
        *counts.entry(*label).or_default() += 1;
    }
    let numbers: Vec<String> = counts
        .iter()
        .map(|(class, count)| format!("{class:?} = {}", 192.0 / (counts.len() * count) as f64))
        .collect();
    let setting = format!("data.class_weights={{{}}}", numbers.join(", "));
    let (by_name, _) = complete(&flex(table.path(), &[&setting, without]));
    assert_eq!(by_name.models.teacher.test, balanced.models.teacher.test);
}

#[test]
fn weights_that_mean_nothing_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (setting, expected) in [
        ("data.class_weights=even", "expected \"balanced\", a table of numbers by class name"),
        (
            "data.class_weights=[1, 2]",
            "`data.class_weights` is `2 numbers`, expected a number for each of the 10",
        ),
        ("data.class_weights=[1, -1]", "`data.class_weights.1` is `-1`, expected a number from 0"),
        ("data.class_weights=[1, nan]", "`data.class_weights.1` is `NaN`"),
        ("data.class_weights=[1, inf]", "`data.class_weights.1` is `inf`"),
        ("data.class_weights=[0, 0]", "`data.class_weights` is `0 for every class`"),
        // Nothing is left of it in single precision.
        ("data.class_weights=[1e-300, 0]", "`data.class_weights` is `0 for every class`"),
        ("data.class_weights=[]", "`data.class_weights` is"),
        (
            "data.class_weights={cat = 1}",
            "`data.class_weights` is `cat`, expected a class of the data, one of 0, 1",
        ),
        (
            "data.class_weights={7 = 2}",
            "`data.class_weights.0` is `missing`, expected a number for each class",
        ),
    ] {
        let error = refused(&folder.path().join("run"), setting);
        assert!(error.contains(expected), "{setting}: {error}, expected {expected}");
    }
}

/// A student that never sees the only class that counts would learn nothing from its labels.
#[test]
fn a_network_without_a_class_that_counts_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let weights = "data.class_weights=[1, 0, 0, 0, 0, 0, 0, 0, 0, 0]";
    let config = flex(&folder.path().join("run"), &[weights, r#"student.without=["0"]"#]);
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("`data.class_weights` is `0 for every class that `"), "{text}");
    assert!(!folder.path().join("run").exists(), "before any work");
}

fn flex(out: &Path, settings: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", settings)
}

/// What a stage's result depends on.
fn inputs(run: &Path, stage: Stage) -> serde_json::Value {
    let text = std::fs::read(run.join(stage.name()).join("inputs.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The report, and the formula of each stage that was trained.
fn complete(config: &RunConfig) -> (Report, BTreeMap<Stage, String>) {
    let mut formulas = Formulas::default();
    let report = run(config, &mut formulas, &AtomicBool::new(false)).unwrap();
    (report, formulas.0)
}

#[derive(Default)]
struct Formulas(BTreeMap<Stage, String>);

impl Observer for Formulas {
    fn on(&mut self, event: Event<'_>) {
        if let Event::StageStarted { stage, formula, .. } = event {
            self.0.insert(stage, formula.to_owned());
        }
    }
}
