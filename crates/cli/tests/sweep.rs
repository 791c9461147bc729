//! A grid of runs, and finished runs beside one another as a page.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
};

use common::{TINY, distill, refused, stderr, stdout};
use serde_json::Value;

#[test]
fn a_sweep_trains_each_teacher_once_and_goes_on_with_more_values() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let out = out.to_str().unwrap();
    let tiny: Vec<&str> = TINY.iter().copied().filter(|one| !one.starts_with("--seed")).collect();
    let sweep = |over: &[&'static str]| {
        let command = ["sweep", "digits", "--out", out, "--seeds", "1,2"];
        [&command[..], &tiny[..], over].concat()
    };
    let blocks = "--over=student.blocks=[[4]],[[4],[4]]";
    let few = sweep(&["--over=objective.0.temperature=2", blocks]);
    let output = distill(&few);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let taken = |output| stderr(output).matches(": taken from ").count();
    assert_eq!(taken(&output), 2, "the teacher of each seed, for the second network");

    let more = sweep(&["--over=objective.0.temperature=2,8", blocks]);
    let output = distill(&more);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(taken(&output), 8, "teacher and baseline of each new run");
    assert!(stderr(&output).contains("4 of 8 runs are finished"), "{}", stderr(&output));
    assert_eq!(stderr(&output).matches("student: vgg-small").count(), 4, "and not run again");
    let table = stdout(&output);
    for point in ["temperature=2,blocks=4 ", "temperature=8,blocks=4-4 "] {
        assert!(table.contains(point), "{table}");
    }

    let json: Value =
        serde_json::from_str(&fs::read_to_string(Path::new(out).join("sweep.json")).unwrap())
            .unwrap();
    let points = json["points"].as_array().unwrap();
    assert_eq!(points.len(), 4);
    for point in points {
        let figures = &point["figures"];
        assert_eq!(figures["seeds"], serde_json::json!([1, 2]));
        let runs = point["runs"].as_array().unwrap().iter();
        let reports = runs.map(|run| {
            fs::read_to_string(Path::new(run.as_str().unwrap()).join("report.json")).unwrap()
        });
        let reports: Vec<Value> =
            reports.map(|text| serde_json::from_str(&text).unwrap()).collect();
        let top1 = reports
            .iter()
            .map(|report| report["models"]["student"]["test"]["last"]["top1"].as_f64().unwrap());
        let mean = top1.sum::<f64>() / 2.0;
        assert!((figures["top1_last"]["mean"].as_f64().unwrap() - mean).abs() < 1e-12);
        assert_eq!(figures["parameters"], reports[0]["models"]["student"]["parameters"]);
    }
    // Validation chooses among the points that are no worse than their baseline.
    let of = |point: &Value, figure: &str| point["figures"][figure]["mean"].as_f64().unwrap();
    let good = points.iter().filter(|point| of(point, "gain") >= 0.0);
    let best = good.max_by(|a, b| of(a, "validation").total_cmp(&of(b, "validation")));
    let starred = table.lines().filter(|line| line.starts_with(" *"));
    let starred: Vec<&str> = starred.filter_map(|line| line.split_whitespace().nth(1)).collect();
    let page = fs::read_to_string(Path::new(out).join("sweep.html")).unwrap();
    assert!(page.contains("Pareto front"));
    match best {
        Some(best) => {
            let chosen = points.iter().filter(|point| starred == [point["name"].as_str().unwrap()]);
            let chosen: Vec<f64> = chosen.map(|point| of(point, "validation")).collect();
            assert_eq!(chosen, [of(best, "validation")], "one is chosen: {table}");
            assert!(page.contains("which validation chooses"));
        }
        None => {
            assert!(starred.is_empty() && table.contains("no student is as good"), "{table}");
            assert!(page.contains("No student is as good as its baseline"));
        }
    }

    assert!(
        refused(&sweep(&["--over=student.epochs=1,2"]))
            .contains("it holds a sweep with the fields")
    );
    let runs = [1, 2].map(|seed| format!("{out}/temperature=2,blocks=4/seed{seed}"));
    let page = folder.path().join("page.html");
    let page = page.to_str().unwrap();
    let compared = distill(&["compare", &runs[0], &runs[1], "--html", page]);
    assert_eq!(compared.status.code(), Some(0), "{}", stderr(&compared));
    let text = fs::read_to_string(page).unwrap();
    for part in ["student minus baseline", "95 % interval over the runs", "id=\"classes\""] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn what_cannot_be_a_sweep_is_refused_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let sweep = |over: &str| {
        refused(&[&["sweep", "digits", "--out", out.to_str().unwrap(), over], &TINY[..]].concat())
    };
    assert!(sweep("--over=student.epoch=1,2").contains("unknown field `epoch`"));
    assert!(sweep("--over=student.epochs").contains("a field and its values"));
    assert!(sweep("--over=student.epochs=1,0").contains("`student.epochs` is `0`"));
    assert!(sweep("--over=data.train=64,20000").contains("`data.train` is `20000`"));
    assert!(sweep("--over=seed=1,2").contains("expected `--seed` or `--seeds`"));
    assert!(!out.exists());
}

#[test]
fn a_point_whose_loss_is_no_number_costs_the_others_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let rates = "--over=student.optimizer.learning_rate=1e30,1e-3";
    let output =
        distill(&[&["sweep", "digits", "--out", out.to_str().unwrap(), rates], &TINY[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains("1 of 2 runs could not be finished"), "{}", stderr(&output));
    let table = stdout(&output);
    assert!(table.contains("failed") && table.contains("learning_rate=1e-3"), "{table}");
}

#[test]
fn a_failed_point_keeps_its_teacher_and_earlier_points_stay_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let out = out.to_str().unwrap();
    let sweep = |more: &[&str]| {
        let command = ["sweep", "digits", "--out", out];
        distill(&[&command[..], &TINY[..], more].concat())
    };
    let failed = sweep(&["--over=student.optimizer.learning_rate=1e30"]);
    assert_eq!(failed.status.code(), Some(1), "{}", stderr(&failed));
    let output = sweep(&["--over=student.optimizer.learning_rate=1e-3"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("teacher: taken from "), "{}", stderr(&output));
    let output = sweep(&["--over=student.optimizer.learning_rate=1e-2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    for point in ["learning_rate=1e-2", "learning_rate=1e-3", "learning_rate=1e30"] {
        assert!(table.contains(point), "{point}: {table}");
    }
    let page = fs::read_to_string(Path::new(out).join("sweep.html")).unwrap();
    assert!(page.contains("What stopped runs") && page.contains("expected a finite number"));

    let refused = |more: &[&str]| {
        let command = ["sweep", "digits", "--over=student.optimizer.learning_rate=1e-2"];
        refused(&[&command[..], &TINY[..], more].concat())
    };
    let other = refused(&["--out", out, "--accumulate=2"]);
    assert!(other.contains("it holds a sweep with the settings"), "{other}");
    let run = format!("{out}/learning_rate=1e-3/seed3");
    assert!(refused(&["--out", &run]).contains("it holds something else than a sweep"));
    assert!(refused(&["--out=new", "--reuse=nowhere"]).contains("there is no `run.json`"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_the_same_command_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("sweep");
    let over = "--over=objective.0.temperature=2,8";
    let command = [
        &["sweep", "digits", "--out", out.to_str().unwrap(), over],
        &TINY[..],
        &["--set=student.epochs=200"],
    ]
    .concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_distill"))
        .args(&command)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut rest = lines.skip_while(|line| !line.as_ref().unwrap().contains("student: epoch 2/"));
    assert!(rest.next().is_some(), "the first student started");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let said: Vec<String> = rest.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    let said = said.join("\n");
    assert!(said.contains("0 of 2 runs are finished; the same command goes on"), "{said}");
    let page = fs::read_to_string(out.join("sweep.html")).unwrap();
    assert!(page.contains("No run is finished yet"));

    let output = distill(&command);
    let error = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{error}");
    assert!(error.contains("student: goes on in epoch"), "{error}");
    assert_eq!(error.matches(": taken from ").count(), 2, "teacher and baseline: {error}");
    assert_eq!(error.matches("report: ").count(), 3, "two runs and the sweep");
}
