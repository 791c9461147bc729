//! The page of a real run, a tiny one.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use distill_driver::{
    Capabilities, Comparison, Report, RunConfig, Silent, evidence::Evidence, recipe, run,
};

fn tiny(out: &Path, seed: u64) -> Report {
    let settings = [
        "data.train=192",
        "data.validation=64",
        "teacher.epochs=2",
        "teacher.blocks=[[8], [8]]",
        "student.epochs=2",
        "student.blocks=[[4], [4]]",
        "networks.no-threes.model=vgg-small",
        "networks.no-threes.blocks=[[4], [4]]",
        "networks.no-threes.epochs=1",
        "networks.no-threes.from=teacher",
        r#"networks.no-threes.without=["3"]"#,
        "log_every=1",
    ];
    let settings = settings.map(str::to_owned);
    let (recipe, source) = recipe::read("digits", &settings).unwrap();
    let config = RunConfig {
        recipe: recipe::Plan::new(recipe, &source).unwrap(),
        seed,
        out: out.to_owned(),
        data: out.join("no-data"),
        offline: true,
        resume: true,
        backend: "flex".to_owned(),
        capabilities: Capabilities::default(),
        device: Device::flex(),
        cache: out.join("cache"),
        workers: 1,
        reuse: Vec::new(),
        decoded: None,
    };
    run(&config, &mut Silent, &AtomicBool::new(false)).unwrap()
}

#[test]
fn a_page_says_what_the_report_says_and_loads_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let report = tiny(folder.path(), 1);
    let path = distill_report::write(folder.path()).unwrap();
    let page = std::fs::read_to_string(path).unwrap();
    for stage in report.stages() {
        let top1 = format!("{:.2} %", 100.0 * report.of(stage).test.last.top1);
        assert!(page.contains(&top1), "{}: {top1}", stage.name());
    }
    for id in [
        "answer",
        "models",
        "curves",
        "calibration",
        "classes",
        "confusion",
        "labels",
        "knowledge",
        "again",
    ] {
        assert!(page.contains(&format!("id=\"{id}\"")), "section {id}");
    }
    for name in [
        "Term cross-entropy",
        "Term soft-targets",
        "Gradient share of soft-targets",
        "Learning rate",
        "Validation NLL",
        "Teacher: reliability",
        "Student: confusion matrix",
        "Scores of each class",
    ] {
        assert!(page.contains(name), "plot {name}");
    }
    assert!(page.contains(&report.objective.formula));
    let student = &report.models.student;
    let balanced = format!("{:.2} %", 100.0 * student.test.last.balanced_accuracy.unwrap());
    assert!(page.contains(&balanced), "balanced accuracy {balanced}");
    let counts = &student.confusion.as_ref().unwrap()[3];
    let cells: String = counts.iter().map(|count| format!("<td>{count}</td>")).collect();
    assert!(page.contains(&format!("<th scope=\"row\">3</th>{cells}")), "{cells}");
    let doubtful = &report.label_noise.as_ref().unwrap().found;
    assert!(doubtful.iter().all(|one| page.contains(&format!("training image {}", one.index))));
    let missing = report.networks["no-threes"].missing.as_ref().unwrap();
    let (trained, shifted) = (&missing.trained, &missing.by_validation);
    let row = format!(
        "no-threes</th><td>3</td><td>{}</td><td>{}</td><td>{}</td><td>{} ({:+.2})</td>",
        missing.images, trained.errors, trained.errors_of_missing, shifted.errors, shifted.shift
    );
    assert!(page.replace(',', "").contains(&row), "{row}");
    let comparison = folder.path().join("comparison.html");
    let compared = Comparison::of(&[folder.path().to_owned()]).unwrap();
    distill_report::write_comparison(&compared, &comparison).unwrap();
    let row =
        format!("no-threes</th><td>3</td><td>{}</td><td>{}</td>", missing.images, trained.errors);
    assert!(std::fs::read_to_string(&comparison).unwrap().contains(&row), "{row}");
    let loads = ["<script", "<link", "@import", "url(", "src=\"http", "href=\"http"];
    assert_eq!(loads.map(|load| page.contains(load)), [false; 6]);

    // Without what an earlier version did not write, the page has a section less.
    std::fs::remove_file(folder.path().join("evidence.json")).unwrap();
    let page = std::fs::read_to_string(distill_report::write(folder.path()).unwrap()).unwrap();
    assert!(page.contains("id=\"classes\"") && !page.contains("id=\"knowledge\""));
    let noise = folder.path().join("student/label_noise.json");
    let labels = std::fs::read(&noise).unwrap();
    std::fs::remove_file(&noise).unwrap();
    let test = folder.path().join("student/test.json");
    let whole = std::fs::read(&test).unwrap();
    let mut earlier: serde_json::Value = serde_json::from_slice(&whole).unwrap();
    earlier.as_object_mut().unwrap().remove("confusion");
    for class in earlier["classes"].as_array_mut().unwrap() {
        class.as_object_mut().unwrap().remove("predicted");
    }
    for scores in ["last", "selected"] {
        let scores = earlier[scores].as_object_mut().unwrap();
        scores.retain(|name, _| !["balanced_accuracy", "macro_f1"].contains(&name.as_str()));
    }
    std::fs::write(&test, earlier.to_string()).unwrap();
    let page = std::fs::read_to_string(distill_report::write(folder.path()).unwrap()).unwrap();
    assert!(!page.contains("id=\"confusion\"") && !page.contains("#confusion"));
    assert!(!page.contains("id=\"labels\"") && !page.contains("#labels"));
    std::fs::write(&test, whole).unwrap();
    std::fs::write(&noise, labels).unwrap();
    // A run that is resumed gathers it again.
    assert_eq!(tiny(folder.path(), 1), report);
    assert!(Evidence::of_run(folder.path()).unwrap().is_some());
}

#[test]
fn evidence_adds_up_to_the_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = tiny(folder.path(), 2);
    let evidence = Evidence::of_run(folder.path()).unwrap().unwrap();
    let (student, baseline) = (&report.models.student, &report.models.baseline);
    assert_eq!((evidence.temperature, evidence.classes.len()), (4.0, report.dataset.classes));

    let both = evidence.agreement;
    assert_eq!(both.teacher_alone + both.same_error + both.other_error, student.test.last.errors);
    let all = both.both_right + both.network_alone + student.test.last.errors;
    assert_eq!(all, report.dataset.test);
    let agree = (both.both_right + both.same_error) as f64 / all as f64;
    assert!((agree - student.test.last.teacher_agreement.unwrap()).abs() < 1e-12);

    let bins = &evidence.reliability.baseline;
    let gap: f64 = bins.iter().map(|bin| (bin.confidence - bin.right as f64).abs()).sum();
    assert!((gap / all as f64 - baseline.test.last.ece).abs() < 1e-12);
    for row in evidence.similarity.of.student.iter().chain(&evidence.similarity.of.teacher) {
        assert!((row.iter().sum::<f64>() - 1.0).abs() < 1e-9, "{row:?}");
    }
    assert!(evidence.entropy.is_sorted_by(|a, b| a.mean < b.mean), "softer with each temperature");
    assert!(!evidence.examples.is_empty());
    for latency in report.stages().map(|stage| report.of(stage).latency.unwrap()) {
        assert!(
            0.0 < latency.low && latency.low <= latency.median && latency.median <= latency.high
        );
    }
}

#[test]
fn what_is_no_run_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let error = distill_report::write(folder.path()).unwrap_err().to_string();
    assert!(error.contains("run.json") && error.contains("hint: "), "{error}");
    assert!(!folder.path().join("report.html").exists());
}
