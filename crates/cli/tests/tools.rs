//! What other programs take from this one: schema, completions, man pages, event files, CSV, events as JSON.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/schema.rs"]
mod schema;

use std::{fs, path::Path};

use common::{TINY, distill, refused, stderr, stdout};
use serde_json::Value;

#[test]
fn the_schema_takes_the_recipes_that_the_program_takes() {
    let schema: Value = serde_json::from_str(&stdout(&distill(&["schema"]))).unwrap();
    let value =
        |text: &str| serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap();
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../driver/recipes");
    let files: Vec<_> = fs::read_dir(&recipes).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 10);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let fault = schema::fault(&schema, &value(&text));
        assert_eq!(fault, None, "{}", file.display());
    }
    let good = &fs::read_to_string(recipes.join("digits.toml")).unwrap();
    for (bad, with) in [
        ("epochs = 20", "epoch = 20"),
        ("[data]", "[data]\ncolour = 1"),
        ("kind = \"adam\"", "kind = \"lion\""),
        ("temperature = 4.0", "temperature = \"hot\""),
        ("term = \"soft-targets\"", "term = \"soft-target\""),
        ("weight = 0.9", "weight = { from = 1 }"),
        ("[student]", "[student]\nnorm = \"layer\""),
        ("name = \"digits\"", ""),
    ] {
        let text = good.replacen(bad, with, 1);
        assert_ne!(&text, good, "{bad}");
        assert!(schema::fault(&schema, &value(&text)).is_some(), "{with}");
    }
}

#[test]
fn a_first_recipe_is_written_once_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("first.toml");
    let file = file.to_str().unwrap();
    let written = distill(&["init", file]);
    assert_eq!(written.status.code(), Some(0), "{}", stderr(&written));
    assert!(stderr(&written).contains("distill check"));
    let text = fs::read_to_string(file).unwrap();
    assert!(refused(&["init", file]).contains("it is there already"));
    assert_eq!(fs::read_to_string(file).unwrap(), text, "nothing is overwritten");
    assert!(refused(&["init", "recipe.yaml"]).contains("ends in `.toml`"));
    let other = folder.path().join("other.toml");
    let other = other.to_str().unwrap();
    let error = refused(&["init", other, "--path", folder.path().to_str().unwrap()]);
    assert!(error.contains("no folder `train`"), "{error}");
    assert!(!Path::new(other).exists());

    let check = distill(&[&["check", file, "--json"], &TINY[..]].concat());
    assert_eq!(check.status.code(), Some(0), "{}", stderr(&check));
    let forecast: Value = serde_json::from_str(&stdout(&check)).unwrap();
    assert!(forecast["seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(forecast["formula"], "0.90·T²·KL(T=4) + 0.10·CE");
    let check = distill(&[&["check", file], &TINY[..]].concat());
    let said = stdout(&check);
    for word in ["name = \"first\"", "learning_rate = 0.003", "memory: about", "disk: at most"] {
        assert!(said.contains(word), "{word} in {said}");
    }
    assert!(!Path::new("runs").exists(), "a check leaves nothing behind");
}

#[test]
fn completions_and_man_pages_know_the_commands() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(&distill(&["completions", shell]));
        assert!(script.contains("evaluate") && script.contains("accumulate"), "{shell}");
    }
    assert!(stdout(&distill(&["man"])).contains(".SH SUBCOMMANDS"));
    let folder = tempfile::tempdir().unwrap();
    let pages = folder.path().join("man1");
    assert_eq!(distill(&["man", pages.to_str().unwrap()]).status.code(), Some(0));
    let run = fs::read_to_string(pages.join("distill-run.1")).unwrap();
    assert!(run.contains("accumulate"));
}

#[test]
fn progress_is_for_people_or_for_programs() {
    let folder = tempfile::tempdir().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let run = |out: &str, more: &[&str]| {
        let output = distill(&[&["run", "digits", "--out", out], &TINY[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        output
    };
    assert_eq!(stderr(&run(&out("quiet"), &["--quiet"])), "");

    let folder = out("json");
    let events = stderr(&run(&folder, &["--progress", "json", "--json"]));
    let events: Vec<Value> =
        events.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |name: &'static str| {
        events.iter().filter(move |event| event["event"] == name).map(|event| &event["data"])
    };
    let stages: Vec<_> = of("stage-started").map(|data| data["stage"].clone()).collect();
    assert_eq!(stages, ["teacher", "baseline", "student"]);
    let epochs: Vec<&Value> = of("epoch").collect();
    assert_eq!(epochs.len(), 3);
    assert!(of("steps").count() > 0 && of("evaluated").count() > 0);
    let last = metrics(&folder, "student").pop().unwrap();
    assert_eq!(epochs[2]["record"]["validation_nll"], last["validation_nll"]);

    let refused = distill(&["run", "digit", "--progress", "json"]);
    let error: Value = serde_json::from_str(stderr(&refused).trim()).unwrap();
    assert!(error["event"] == "error" && error["data"].as_str().unwrap().contains("did you mean"));
}

#[test]
fn every_metric_lies_in_the_csv() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let output = distill(&[&["run", "digits", "--out", out], &TINY[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let csv = Path::new(out).join("metrics.csv");
    let text = fs::read_to_string(&csv).unwrap();
    fs::remove_file(&csv).unwrap();
    assert_eq!(distill(&["report", out]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&csv).unwrap(), text, "`report` writes it again");

    let mut lines = text.lines();
    let names: Vec<&str> = lines.next().unwrap().split(',').collect();
    let mut expected = Vec::new();
    for stage in STAGES {
        expected.extend(metrics(out, stage).into_iter().map(|line| (stage, line)));
    }
    assert_eq!(lines.clone().count(), expected.len());
    for (row, (stage, line)) in lines.zip(&expected) {
        let cells: Vec<&str> = row.split(',').collect();
        assert_eq!(cells[0], *stage);
        let mut found = 1;
        for (name, cell) in names.iter().zip(&cells).skip(1).filter(|(_, cell)| !cell.is_empty()) {
            let value = name.split_once('.').map_or(&line[name], |(table, own)| &line[table][own]);
            let same = value.as_str() == Some(cell) || value.as_f64() == cell.parse().ok();
            assert!(same, "{name} is {cell}, expected {value}");
            found += 1;
        }
        let own = line.as_object().unwrap().values();
        let all: usize = own.map(|value| value.as_object().map_or(1, serde_json::Map::len)).sum();
        assert_eq!(found, all + 1, "no number is left out");
    }

    for stage in STAGES {
        let files = fs::read_dir(Path::new(out).join("tensorboard").join(stage)).unwrap();
        let names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }
}

const STAGES: [&str; 3] = ["teacher", "baseline", "student"];

fn metrics(run: &str, stage: &str) -> Vec<Value> {
    let text = fs::read_to_string(Path::new(run).join(stage).join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}
