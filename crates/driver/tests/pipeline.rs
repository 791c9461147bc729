//! The whole pipeline on a tiny recipe: what it leaves, what it skips, how it survives.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use burn::tensor::Device;
use common::config;
use distill_driver::{
    DriverError, Event, ExportConfig, ExportFormat, Observer, Report, RunConfig, Silent, Stage,
    export, export_folder, export_stage, forecast, run,
};
use distill_models::weights::Precision;
use survival::{StopIn, bits};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn a_run_leaves_everything_that_the_design_promises() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let report = complete(&flex(folder.path(), &[]));
    let files = [
        "recipe.toml",
        "run.json",
        "report.json",
        "evidence.json",
        "teacher/selected.bpk",
        "baseline/last.bpk",
        "student/metrics.jsonl",
        "export/student.bpk",
        "export/model.json",
        "export/README.md",
        "export/student.onnx",
        "export/student.safetensors",
    ];
    for file in files {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    assert_eq!(report.schema, 1);
    assert_eq!(report.objective.formula, "0.90·T²·KL(T=4) + 0.10·CE");
    assert_eq!(report.objective.terms[0]["name"], "soft-targets");
    assert_eq!((report.dataset.train, report.dataset.validation), (192, 64));
    for stage in Stage::ALL {
        let model = report.of(stage);
        for scores in [model.test.last, model.test.selected] {
            assert_eq!(scores.count, report.dataset.test);
            assert_eq!(scores.errors, ((1.0 - scores.top1) * scores.count as f64).round() as usize);
            assert_eq!(scores.teacher_agreement.is_some(), stage != Stage::Teacher);
        }
        // One matrix, read in all ways.
        let (classes, matrix) = (&model.classes, model.confusion.as_ref().unwrap());
        for (at, class) in classes.iter().enumerate() {
            assert_eq!(matrix[at].iter().sum::<usize>(), class.images);
            assert_eq!(matrix[at][at], class.right);
            assert_eq!(Some(matrix.iter().map(|row| row[at]).sum()), class.predicted);
            assert_eq!(class.recall, Some(class.right as f64 / class.images as f64));
        }
        let recall: f64 = classes.iter().filter_map(|class| class.recall).sum();
        let balanced = model.test.last.balanced_accuracy.unwrap();
        assert!((balanced - recall / classes.len() as f64).abs() < 1e-12);
        assert!(model.test.last.macro_f1.is_some_and(|f1| (0.0..=1.0).contains(&f1)));
    }
    let gain = report.models.student.test.last.top1 - report.models.baseline.test.last.top1;
    assert_eq!(report.student_gain_top1, gain);
    assert_eq!(Report::assemble(folder.path()).unwrap(), report);

    let student = fs::read(folder.path().join("student/selected.bpk")).unwrap();
    assert_eq!(fs::read(folder.path().join("export/student.bpk")).unwrap(), student);
    let lines = fs::read_to_string(folder.path().join("student/metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 3 * (6 + 1), "each step and each epoch");
    assert!(
        lines.lines().all(|line| line.contains("soft-targets") && line.contains("cross-entropy"))
    );
    let left = fs::read_dir(folder.path().join("student")).unwrap();
    let left = left.filter(|e| e.as_ref().unwrap().file_name().to_string_lossy().contains("-"));
    assert_eq!(left.count(), 0, "no checkpoint stays behind a finished stage");
}

#[test]
fn a_second_run_skips_what_is_unchanged() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let first = complete(&flex(folder.path(), &[]));
    let mut seen = Stages::default();
    let again = run(&flex(folder.path(), &[]), &mut seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(seen.skipped, Stage::ALL);
    assert_eq!(again, first);

    let mut seen = Stages::default();
    let changed = flex(folder.path(), &["objective.0.temperature=2"]);
    let report = run(&changed, &mut seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(seen.skipped, [Stage::Teacher, Stage::Baseline]);
    assert_eq!(seen.started, [Stage::Student]);
    assert!(
        seen.notes.iter().any(|note| note.contains("this changed: objective")),
        "{:?}",
        seen.notes
    );
    let earlier = fs::read_dir(folder.path().join("earlier")).unwrap().flatten().next().unwrap();
    assert!(earlier.path().join("selected.bpk").is_file(), "the earlier student is kept");

    // It stands there too where what was begun since left neither a record nor a checkpoint.
    fs::remove_dir_all(folder.path().join("student")).unwrap();
    fs::create_dir(folder.path().join("student")).unwrap();
    let mut seen = Stages::default();
    let back = run(&flex(folder.path(), &[]), &mut seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(seen.skipped, Stage::ALL, "and found again when it is asked for");
    assert_eq!(back, first);
    assert_eq!(report.models.baseline, first.models.baseline);
    assert_ne!(report.models.student.test, first.models.student.test);
}

#[test]
fn an_interrupted_run_ends_with_the_bits_of_an_undisturbed_one() {
    let _turn = TURN.lock();
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dropout = ["teacher.dropout=0.2", "student.dropout=0.1"];
    complete(&flex(whole.path(), &dropout));

    // Stops in the middle of an epoch of every stage, the second one among them.
    for stage in Stage::ALL {
        let interrupt = AtomicBool::new(false);
        let mut observer = StopIn { stage, epoch: 2, steps: 3, interrupt: &interrupt };
        let mut config = flex(broken.path(), &dropout);
        config.resume = stage != Stage::Teacher;
        let error = run(&config, &mut observer, &interrupt).unwrap_err();
        assert_eq!(error.exit_code(), 130);
        assert!(matches!(error, DriverError::Interrupted { stage: s } if s == stage.name()));
    }
    let error =
        run(&flex(broken.path(), &dropout), &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("--resume"), "{error}");
    // Other settings in between: what was begun is put aside and found again.
    complete(&flex(broken.path(), &[&dropout[..], &["objective.0.temperature=2"]].concat()));
    let mut config = flex(broken.path(), &dropout);
    config.resume = true;
    complete(&config);

    for stage in Stage::ALL {
        let [a, b] = [broken.path(), whole.path()].map(|folder| folder.join(stage.name()));
        let metrics = |folder: &Path| fs::read_to_string(folder.join("metrics.jsonl")).unwrap();
        assert_eq!(metrics(&a), metrics(&b), "{stage:?}");
        for file in ["last.bpk", "selected.bpk"] {
            assert!(bits(&a.join(file)) == bits(&b.join(file)), "{stage:?}: {file} differs");
        }
    }
}

#[test]
fn an_interrupted_evaluation_is_made_up_for() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let interrupt = AtomicBool::new(false);
    struct StopJudging<'a>(&'a AtomicBool);
    impl Observer for StopJudging<'_> {
        fn on(&mut self, event: Event<'_>) {
            if matches!(event, Event::Evaluating { stage: Stage::Baseline }) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
    }
    let error =
        run(&flex(folder.path(), &[]), &mut StopJudging(&interrupt), &interrupt).unwrap_err();
    assert_eq!(error.exit_code(), 130);
    let mut seen = Stages::default();
    run(&flex(folder.path(), &[]), &mut seen, &AtomicBool::new(false)).unwrap();
    assert_eq!(seen.skipped, Stage::ALL);
    assert!(folder.path().join("report.json").is_file());
}

#[test]
fn baseline_and_student_differ_by_the_objective_alone() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    complete(&flex(folder.path(), &["objective=[{term = \"cross-entropy\"}]"]));
    let read =
        |stage: &str| fs::read_to_string(folder.path().join(stage).join("metrics.jsonl")).unwrap();
    assert_eq!(read("baseline"), read("student"), "the same objective gives the same run");
}

#[test]
fn given_teacher_weights_take_the_place_of_training() {
    let _turn = TURN.lock();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = complete(&flex(first.path(), &[]));
    let mut config = flex(second.path(), &[]);
    common::give_teacher(&mut config.recipe, first.path().join("teacher/selected.bpk"));
    let other = complete(&config);
    let teacher = &other.models.teacher;
    assert_eq!((teacher.epochs, teacher.images_per_second), (0, None));
    assert_eq!(teacher.test.selected, report.models.teacher.test.selected);
    assert_eq!(other.models.student.test, report.models.student.test);
}

#[test]
fn a_given_teacher_sees_the_images_in_its_own_way() {
    let _turn = TURN.lock();
    let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let report = complete(&flex(first.path(), &[]));
    let weights = format!("teacher.weights={}/teacher/selected.bpk", first.path().display());

    // The card beside its weights says how: the student's normalisation is the student's alone.
    // Its dropout is off, so it does not matter what the recipe says of it.
    let dropout = "teacher.dropout=0.3";
    let given = "teacher.epochs=0";
    let config = flex(second.path(), &[&weights, given, dropout, "data.mean=[0.1, 0.1, 0.1]"]);
    let other = complete(&config);
    let selected = |report: &Report, stage| report.of(stage).test.selected;
    assert_eq!(selected(&other, Stage::Teacher), selected(&report, Stage::Teacher));
    assert_ne!(selected(&other, Stage::Student), selected(&report, Stage::Student));

    // What the recipe says of the teacher wins, and the student is made again for it.
    let mean = "data.mean=[0.1, 0.1, 0.1]";
    let third = flex(second.path(), &[&weights, given, mean, "teacher.size=16"]);
    let smaller = complete(&third);
    assert_ne!(selected(&smaller, Stage::Teacher), selected(&report, Stage::Teacher));
    assert_ne!(selected(&smaller, Stage::Student), selected(&other, Stage::Student));
    assert_eq!(selected(&smaller, Stage::Baseline).nll, selected(&other, Stage::Baseline).nll);

    for (setting, expected) in [
        ("teacher.blocks=[[8], [16]]", "`architecture`"),
        ("teacher.mean=[0.1]", "`teacher.mean` is `[0.1]`"),
        ("teacher.size=1", "2 blocks on a 1x1 image"),
    ] {
        let config = flex(second.path(), &[&weights, given, setting]);
        let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_teacher_is_looked_for_beside_the_recipe_and_below_the_data() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let missing = |settings: &[&str]| {
        let config = flex(folder.path(), settings);
        run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err().to_string()
    };
    let error = missing(&["teacher.weights=nowhere.pt"]);
    assert!(error.contains("`teacher.weights` is `nowhere.pt`, expected a file"), "{error}");
    let error = missing(&["teacher.weights=teachers/resnet20-12fca82f.th"]);
    assert!(error.contains("without `--offline` it is fetched"), "{error}");
}

#[test]
fn records_that_were_tampered_with_do_no_harm() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Teacher, epoch: 2, steps: 3, interrupt: &interrupt };
    run(&flex(folder.path(), &[]), &mut stop, &interrupt).unwrap_err();
    let teacher = folder.path().join("teacher");
    let progress = survival::checkpoints(&teacher).pop().unwrap().join("progress.json");
    let good = fs::read_to_string(&progress).unwrap();
    let with = |key: &str, value: serde_json::Value| {
        let mut fields: serde_json::Value = serde_json::from_str(&good).unwrap();
        fields[key] = value;
        fs::write(&progress, fields.to_string()).unwrap();
        survival::renew_checksum(&progress);
        let mut config = flex(folder.path(), &[]);
        config.resume = true;
        let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{key}: {error}");
        error.to_string()
    };
    for (key, value) in [
        ("best_sha256", serde_json::Value::Null),
        ("epoch", 99_u64.into()),
        ("epoch", 0.into()),
        ("step", 1_000_000_000.into()),
        ("best", serde_json::Value::Null),
        ("seconds", (-1).into()),
    ] {
        assert!(with(key, value).contains("damaged checkpoint"), "{key}");
    }
    assert!(with("fingerprint", "/../../../x".into()).contains("damaged record"));
    assert!(with("fingerprint", "é".into()).contains("damaged record"));
}

#[test]
fn two_runs_do_not_share_a_folder() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    complete(&flex(folder.path(), &[]));
    let other = std::fs::File::open(folder.path().join(".lock")).unwrap();
    other.lock().unwrap();
    let error = run(&flex(folder.path(), &[]), &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("another process"), "{error}");
    let mut config = flex(folder.path(), &[]);
    config.recipe.recipe.name = "other".to_owned();
    drop(other);
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("a run of the recipe `digits`"), "{error}");
}

#[test]
fn exports_are_whole_and_the_students_own() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let run_folder = folder.path();
    complete(&flex(run_folder, &[]));
    let export_to = |formats: &[ExportFormat]| {
        let precision = Precision::Half;
        let config = ExportConfig { formats: formats.to_vec(), precision, ..Default::default() };
        export(run_folder, &config, &Device::flex())
    };
    let size = || fs::metadata(run_folder.join("export/student.bpk")).unwrap().len();
    let single = size();

    // An export of one's own stays where the run is called again and its student is the same.
    export_to(&[ExportFormat::Bpk]).unwrap();
    assert!(size() < single && !run_folder.join("export/student.onnx").exists());
    complete(&flex(run_folder, &[]));
    assert!(size() < single);

    // A process that was killed between two names left the earlier export under another one.
    let aside = run_folder.join(".writing-earlier-export");
    fs::rename(run_folder.join("export"), &aside).unwrap();
    fs::create_dir(run_folder.join(".writing-abc")).unwrap();
    fs::remove_file(run_folder.join("student/selected.bpk")).unwrap();
    assert!(export_to(&[ExportFormat::Bpk]).is_err(), "there is no student to export");
    assert!(size() < single && !aside.exists(), "the earlier export is back");
    assert!(!run_folder.join(".writing-abc").exists());

    // Another network goes beside it, with the weights of its own stage.
    let all = ExportConfig::default();
    for stage in [Stage::Baseline, Stage::Teacher] {
        let card = export_stage(run_folder, stage, &all, &Device::flex()).unwrap();
        let (name, folder) = (stage.name(), export_folder(run_folder, stage));
        assert_eq!(card.origin.stage, name);
        assert!(card.model.files.keys().all(|file| file.starts_with(&format!("{name}."))));
        let weights = folder.join(format!("{name}.bpk"));
        let other = run_folder.join(name).join("selected.bpk");
        assert!(bits(&weights) == bits(&other), "{name}");
        let readme = fs::read_to_string(folder.join("README.md")).unwrap();
        assert!(readme.contains(&format!("InferenceSession(\"{name}.onnx\")")), "{readme}");
        assert!(
            readme.contains(&format!("A {name}")) && !readme.contains("student.onnx"),
            "{readme}"
        );
    }
    assert!(size() < single, "the student's export is as it was");
    let error = export_stage(run_folder, Stage::named("assistant"), &all, &Device::flex());
    let error = error.unwrap_err().to_string();
    assert!(error.contains("no trained network `assistant`"), "{error}");
    assert!(error.contains("it has teacher, baseline"), "{error}");

    let batch = tempfile::tempdir().unwrap();
    complete(&flex(batch.path(), &["student.norm=batch", "student.epochs=1"]));
    assert!(!batch.path().join("export/student.onnx").exists());
    assert!(batch.path().join("export/student.bpk").is_file());
    let config = ExportConfig { formats: vec![ExportFormat::Onnx], ..Default::default() };
    let error = export(batch.path(), &config, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("statistics of the batch"), "{error}");
    assert!(batch.path().join("export/student.bpk").is_file(), "the earlier export stays");
}

#[test]
fn a_loss_that_is_no_number_stops_the_run_and_says_where() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let explode = ["optimizer.kind=sgd", "optimizer.learning_rate=1e30"];
    let error =
        run(&flex(folder.path(), &explode), &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert_eq!(error.exit_code(), 1);
    assert!(error.to_string().contains("epoch 1, step"), "{error}");
}

#[test]
fn data_and_folders_that_do_not_fit_are_refused_before_any_work() {
    let refused = |more: &[&str], out: &Path| {
        let error = run(&flex(out, more), &mut Silent, &AtomicBool::new(false)).unwrap_err();
        assert_eq!(error.exit_code(), 2, "{error}");
        error.to_string()
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    for (setting, expected) in [
        ("optimizer.batch=193", "optimizer.batch` is `193`, expected at most the 192"),
        ("data.train=100000", "`data.train` is `100000`"),
        ("data.augment=[\"pad-crop 32\"]", "`data.augment` is `pad-crop 32`"),
        ("data.validation=0", "`data.validation` is `0`"),
        ("data.validation=10000", "`data.validation` is `10000`"),
        ("data.mean=[0.5]", "`data.mean` is `[0.5]`"),
        ("data.std=[0.5, 0.0, 0.5]", "`data.std`"),
        ("student.blocks=[[4],[4],[4],[4],[4],[4]]", "6 blocks on a 32x32 image"),
    ] {
        let error = refused(&[setting], &out);
        assert!(error.contains(expected), "{error}, expected {expected}");
        assert!(!out.exists(), "{setting}: nothing is left behind");
    }
    fs::write(folder.path().join("thesis.txt"), "mine").unwrap();
    assert!(refused(&[], folder.path()).contains("something else than a run"));
    assert!(refused(&[], &folder.path().join("thesis.txt")).contains("not a folder"));
    assert!(export(folder.path(), &ExportConfig::default(), &Device::flex()).is_err());
}

#[test]
fn a_forecast_says_what_a_run_reports_and_leaves_nothing() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let config = flex(&out, &[]);
    let ahead = |config| forecast(config, &mut Silent, &AtomicBool::new(false));
    let forecast = ahead(&config).unwrap();
    assert!(!out.exists());
    let report = complete(&config);
    assert_eq!(forecast.formula, report.objective.formula);
    assert_eq!(forecast.stages.iter().map(|of| of.stage).collect::<Vec<_>>(), Stage::ALL);
    for of in &forecast.stages {
        let model = report.of(of.stage);
        assert_eq!((of.parameters, of.macs), (model.parameters, model.macs));
        assert_eq!((of.epochs, of.images), (3, 192));
        assert!(of.images_per_second.unwrap() > 0.0 && of.seconds > 0.0);
    }
    let training: f64 = forecast.stages.iter().map(|of| of.seconds).sum();
    assert!((training + forecast.evaluation_seconds - forecast.seconds).abs() < 1e-9);
    assert!(forecast.memory.is_some());
    assert_eq!(
        ahead(&config).unwrap().memory,
        forecast.memory,
        "a finished run beside it changes nothing"
    );

    // Its trainings are shorter than the recipe's warm-up.
    let warm = flex(&folder.path().join("warm"), &["schedule.warmup=2"]);
    assert_eq!(ahead(&warm).unwrap().memory, forecast.memory);

    let refused = ahead(&flex(&out, &["data.train=100000"])).unwrap_err();
    assert_eq!(refused.exit_code(), 2, "{refused}");
    let stopped = forecast_stopped(&config);
    assert_eq!(stopped.exit_code(), 130, "{stopped}");
}

fn forecast_stopped(config: &RunConfig) -> DriverError {
    forecast(config, &mut Silent, &AtomicBool::new(true)).unwrap_err()
}

fn flex(out: &Path, more: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", more)
}

fn complete(config: &RunConfig) -> Report {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap()
}

#[derive(Default)]
struct Stages {
    skipped: Vec<Stage>,
    started: Vec<Stage>,
    notes: Vec<String>,
}

impl Observer for Stages {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::StageSkipped { stage, .. } => self.skipped.push(stage),
            Event::StageStarted { stage, .. } => self.started.push(stage),
            Event::Note(text) => self.notes.push(text),
            _ => {}
        }
    }
}
