//! The binary as a user calls it: exit codes, streams, messages, and what lies on disk afterwards.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use common::{TINY, distill, refused, stderr, stdout};

#[test]
fn a_run_prints_a_table_and_its_student_can_be_used() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let output = distill(&[&["run", "digits", "--out", out], &TINY[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    for word in ["teacher", "baseline", "student", "top-1", "NLL", "ECE", "MiB", "images/s"] {
        assert!(table.contains(word), "{word} in {table}");
    }
    let progress = stderr(&output);
    assert!(progress.contains("objective: 0.90·T²·KL(T=4) + 0.10·CE"), "{progress}");
    for text in [&table, &progress] {
        let control = text.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(control, None, "no terminal, no control characters");
    }

    let json = stdout(&distill(&["report", out, "--json"]));
    assert_eq!(json, fs::read_to_string(Path::new(out).join("report.json")).unwrap());
    let page = fs::read_to_string(Path::new(out).join("report.html")).unwrap();
    assert!(progress.contains("report.html") && page.starts_with("<!DOCTYPE html>"));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    let gain = format!("{:+.2}", 100.0 * report["student_gain_top1"].as_f64().unwrap());
    let words = match gain.split_at(1) {
        (_, "0.00") => "No change in top-1".to_owned(),
        ("-", points) => format!("Distillation lost {points} points top-1 against the baseline"),
        (_, points) => format!("Distillation gained {points} points top-1 over the baseline"),
    };
    assert!(table.contains(&words), "{words} in {table}");
    assert!(table.replace('\n', " ").contains("has as many parameters as the teacher"), "{table}");
    let selected = &report["models"]["student"]["test"]["selected"];

    let weights = format!("{out}/export/student.bpk");
    let scores = distill(&["evaluate", &weights, "--json"]);
    assert_eq!(scores.status.code(), Some(0), "{}", stderr(&scores));
    let scores: serde_json::Value = serde_json::from_str(&stdout(&scores)).unwrap();
    assert_eq!(scores["errors"], selected["errors"], "the exported student is the selected one");

    let image = folder.path().join("seven.png");
    image::RgbImage::from_pixel(40, 50, [200, 30, 30].into()).save(&image).unwrap();
    let image = image.to_str().unwrap();
    let predicted = stdout(&distill(&["predict", &weights, image, "--json", "--top", "2"]));
    let predicted: serde_json::Value = serde_json::from_str(&predicted).unwrap();
    assert_eq!(predicted[0]["classes"].as_array().unwrap().len(), 2);
    assert!(stdout(&distill(&["predict", &weights, image])).contains("seven.png: "));

    // Every file of the student answers like it.
    for file in ["student.safetensors", "student.onnx"] {
        let file = format!("{out}/export/{file}");
        let logits = folder.path().join("logits.jsonl");
        let logits = logits.to_str().unwrap();
        let limit = ["--limit", "20", "--json", "--logits", logits];
        let scores = distill(&[&["evaluate", &file], &limit[..]].concat());
        assert_eq!(scores.status.code(), Some(0), "{}", stderr(&scores));
        let scores: serde_json::Value = serde_json::from_str(&stdout(&scores)).unwrap();
        assert_eq!(scores["count"], 20);
        assert_eq!(fs::read_to_string(logits).unwrap().lines().count(), 20);
        assert!(stdout(&distill(&["predict", &file, image])).contains("seven.png: "));
    }
    let bare = folder.path().join("bare.onnx");
    fs::copy(format!("{out}/export/student.onnx"), &bare).unwrap();
    let bare = bare.to_str().unwrap();
    let scores = distill(&["evaluate", bare, "--dataset", "digits", "--limit", "9", "--json"]);
    assert_eq!(scores.status.code(), Some(0), "{}", stderr(&scores));

    // An old operator set, and a batch of four: nine images are 4, 4 and 1.
    for more in [["--opset", "9", "--batch", "4"], ["--opset", "12", "--batch", "free"]] {
        let again = distill(&[&["export", out, "--formats", "onnx"], &more[..]].concat());
        assert_eq!(again.status.code(), Some(0), "{}", stderr(&again));
        let file = format!("{out}/export/student.onnx");
        let limit = ["--limit", "9", "--json"];
        let other: serde_json::Value = serde_json::from_str(&stdout(&scores)).unwrap();
        let scores = distill(&[&["evaluate", &file], &limit[..]].concat());
        let scores: serde_json::Value = serde_json::from_str(&stdout(&scores)).unwrap();
        let gap = scores["nll"].as_f64().unwrap() - other["nll"].as_f64().unwrap();
        assert!(gap.abs() < 1e-4 && scores["count"] == 9, "{more:?}: {scores}");
        let card = fs::read_to_string(format!("{out}/export/README.md")).unwrap();
        assert!(card.contains(&format!("opset {}", more[1])), "{card}");
    }
    for (more, expected) in [
        (["--opset", "8"], "9 to 17"),
        (["--opset", "18"], "9 to 17"),
        (["--batch", "0"], "from 1 to 65535"),
        (["--batch", "some"], "`free`"),
    ] {
        let message = refused(&[&["export", out], &more[..]].concat());
        assert!(message.contains(expected), "{expected} in {message}");
    }
    let message = refused(&["export", out, "--formats", "bpk", "--opset", "12"]);
    assert!(message.contains("--formats"), "{message}");
    assert_eq!(distill(&["export", out]).status.code(), Some(0));

    // A file that is not the one that was exported is not taken for it.
    let onnx = format!("{out}/export/student.onnx");
    let good = fs::read(&onnx).unwrap();
    fs::write(&onnx, &good[..good.len() - 1]).unwrap();
    assert!(refused(&["predict", &onnx, image]).contains("it is not the file that"));

    fs::remove_dir_all(Path::new(out).join("export")).unwrap();
    let exported = distill(&["export", out, "--half", "--formats", "bpk,safetensors"]);
    assert_eq!(exported.status.code(), Some(0), "{}", stderr(&exported));
    assert!(!Path::new(out).join("export/student.onnx").exists());
    let half = fs::metadata(&weights).unwrap().len();
    assert_eq!(distill(&["export", out]).status.code(), Some(0));
    assert!(half < fs::metadata(&weights).unwrap().len());
    let card = fs::read_to_string(Path::new(out).join("export/README.md")).unwrap();
    for word in ["vgg-small", "digits", "0.90·T²·KL(T=4)", "top-1", "onnxruntime", "mean ["] {
        assert!(card.contains(word), "{word} in {card}");
    }

    let inspected = stdout(&distill(&["inspect", &weights]));
    for word in ["layers.0", "conv", "batch norm", "fc", "linear", "taps: block1 4x16x16"] {
        assert!(inspected.contains(word), "{word} in {inspected}");
    }

    // Everything is there: the same call again trains nothing.
    let again = distill(&[&["run", "digits", "--json", "--out", out], &TINY[..]].concat());
    assert_eq!(stdout(&again), json);
    assert_eq!(stderr(&again).matches("skipped").count(), 3, "{}", stderr(&again));

    fs::write(folder.path().join("broken.png"), b"\x89PNG\r\n\x1a\n").unwrap();
    let broken = folder.path().join("broken.png");
    assert!(refused(&["predict", &weights, broken.to_str().unwrap()]).contains("does not decode"));
    assert!(refused(&["predict", &weights, "none.png"]).contains("none.png"));
    let logits = refused(&["evaluate", &weights, "--logits", &weights]);
    assert!(logits.contains("it is read as the network"), "{logits}");
    let card = format!("{out}/export/model.json");
    let good = fs::read_to_string(&card).unwrap();
    for (from, to, expected) in [
        ("\"3\",", "", "classes"),
        ("[\n        4\n      ]", "[\n        65536\n      ]", "bytes, expected the weights"),
        ("\"channels\": 3", "\"channels\": 4", "signature.channels"),
        ("0.25,", "0.0,", "`std`"),
    ] {
        let hostile = good.replace(from, to);
        assert_ne!(hostile, good, "{from}");
        fs::write(&card, hostile).unwrap();
        let error = refused(&["predict", &weights, image]);
        assert!(error.contains(expected), "{error}, expected {expected}");
    }
    fs::write(&card, good).unwrap();
    fs::write(&weights, b"nonsense").unwrap();
    assert!(refused(&["evaluate", &weights]).contains("student.bpk"));
}

#[test]
fn a_wrong_command_line_is_refused_with_words_that_help() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let run =
        |more: &[&str]| refused(&[&["run", "digits", "--offline", "--out", out], more].concat());
    assert!(refused(&["run", "digitz", "--out", out]).contains("did you mean `digits`"));
    assert!(refused(&["run", "none.toml", "--out", out]).contains("none.toml"));
    assert!(refused(&["frobnicate"]).contains("frobnicate"));
    assert!(run(&["--backend", "tpu"]).contains("flex, ndarray, wgpu, vulkan, cuda"));
    assert!(run(&["--seed", "x"]).contains("--seed"));
    assert!(run(&["--set", "epochs"]).contains("table.field=value"));
    assert!(
        run(&["--set", "objective.0.temperature=0"]).contains("`objective[0].temperature` is `0`")
    );
    assert!(run(&["--set", "optimizer.batch=90000"]).contains("at most the 3000 training images"));
    assert!(
        run(&["--set", "data.dataset=mnist", "--data", out]).contains("train-images-idx3-ubyte.gz")
    );
    assert!(refused(&["evaluate", "none.bpk"]).contains("no such file"));
    assert!(refused(&["report", out]).contains("run.json"));
    assert!(refused(&["export", out]).contains("no trained student"));
    assert!(refused(&["data", "fetch", "imagenet"]).contains("no dataset is named `imagenet`"));
    assert!(!Path::new(out).exists(), "nothing was started");
}

#[cfg(not(feature = "cuda"))]
#[test]
fn a_backend_that_is_not_compiled_in_names_its_feature() {
    let error = refused(&["run", "digits", "--backend", "cuda"]);
    assert!(error.contains("--features cuda"), "{error}");
}

#[test]
fn lists_say_what_can_be_named() {
    for (what, word) in [
        ("recipes", "labml-cifar10"),
        ("models", "437,034"),
        ("objectives", "soft-targets"),
        ("datasets", "fashion-mnist"),
        ("backends", "flex"),
    ] {
        let output = distill(&["list", what]);
        assert!(stdout(&output).contains(word), "{what}");
        let json = stdout(&distill(&["list", what, "--json"]));
        let list: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(list["schema"] == 1 && list[what].as_array().is_some_and(|rows| !rows.is_empty()));
    }
    assert!(stdout(&distill(&["data", "list", "--data", "nowhere"])).contains("cifar10"));
    let verified = stdout(&distill(&["data", "verify", "digits"]));
    assert!(verified.contains("structure good, 10000 training and 5000 test images"), "{verified}");
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_and_resume_goes_on() {
    use std::io::{BufRead, BufReader};
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let out = out.to_str().unwrap();
    let long =
        [&["run", "digits", "--out", out], &TINY[..], &["--set=student.epochs=150"]].concat();
    let mut child = Command::new(env!("CARGO_BIN_EXE_distill"))
        .args(&long)
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut rest =
        lines.skip_while(|line| !line.as_ref().unwrap().contains("baseline: epoch 2/150"));
    assert!(rest.next().is_some(), "the second stage started");
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let said: Vec<String> = rest.map(Result::unwrap).collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said:?}");
    assert!(said.iter().any(|line| line.contains("interrupted in stage `baseline`")), "{said:?}");

    assert!(refused(&long).contains("--resume"));
    let short =
        [&["run", "digits", "--out", out], &TINY[..], &["--set=student.epochs=150"]].concat();
    let resumed = Command::new(env!("CARGO_BIN_EXE_distill"))
        .args([&short[..], &["--resume"]].concat())
        .output()
        .unwrap();
    let error = stderr(&resumed);
    assert_eq!(resumed.status.code(), Some(0), "{error}");
    assert!(error.contains("teacher: skipped"), "{error}");
    assert!(error.contains("baseline: goes on in epoch"), "{error}");
    assert!(stdout(&resumed).contains("istillation gained") || stdout(&resumed).contains(" lost "));
}

/// The superuser may write anywhere, so there is nothing to see then.
#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path().join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write anywhere");
        return;
    }
    let out = folder.path().join("run");
    let error = refused(&["run", "digits", "--offline", "--out", out.to_str().unwrap()]);
    assert!(error.contains("run"), "{error}");
}

#[test]
fn networks_and_files_are_inspected() {
    let vgg = stdout(&distill(&["inspect", "vgg-small"]));
    assert!(vgg.contains("437,034 parameters"), "{vgg}");
    let json =
        stdout(&distill(&["inspect", "resnet18", "--classes", "10", "--size", "64", "--json"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["parameters"], 11_689_512 - 990 * 513);
    assert_eq!(json["taps"][3], serde_json::json!({ "name": "layer4", "shape": [512, 2, 2] }));
    let before = &json["taps_before_activation"][0];
    assert_eq!(*before, serde_json::json!({ "name": "layer1.preact", "shape": [64, 16, 16] }));

    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/tests/pytorch/files");
    let file = files.join("nested.th");
    let file = file.to_str().unwrap();
    let unknown = stdout(&distill(&["inspect", file]));
    assert!(unknown.contains("state_dict.module.layers.1.weight"), "{unknown}");
    let small = ["--model", "vgg-large", "--size", "8", "--set"];
    let known = distill(&[&["inspect", file], &small[..], &["blocks=[[4],[8]]"]].concat());
    assert!(stdout(&known).contains("it is this network's"), "{}", stderr(&known));
    let other = refused(&[&["inspect", file], &small[..], &["blocks=[[4],[9]]"]].concat());
    assert!(other.contains("layers.6.weight is [8, 4, 3, 3], expected [9, 4, 3, 3]"), "{other}");

    assert!(refused(&["inspect", "resnet19"]).contains("no such file, and no model"));
    assert!(refused(&["inspect", "resnet20", "--set", "norm"]).contains("`field=value`"));
    assert!(refused(&["inspect", "resnet20", "--set", "norm=layer"]).contains("layer"));
    assert!(refused(&["inspect", "resnet20", "--set", "hidden=[3]"]).contains("`hidden`"));
    let twice = files.join("twice.pt");
    let twice = twice.to_str().unwrap();
    let places = refused(&[&["inspect", twice], &small[..], &["blocks=[[4],[8]]"]].concat());
    assert!(places.contains("under `ema.` and `model.`"), "{places}");
    assert!(
        places.contains("`--weights-key model`, or in a recipe with `weights_key ="),
        "{places}"
    );
    let of = |key| ["inspect", twice, "--model", "vgg-large", "--size", "8", "--weights-key", key];
    let blocks = ["--set", "blocks=[[4],[8]]"];
    assert!(stdout(&distill(&[&of("ema")[..], &blocks].concat())).contains("it is this network's"));
    let unknown = refused(&[&of("head")[..], &blocks].concat());
    assert!(
        unknown.contains("under the key `head`, expected one of `ema.`, `model.`"),
        "{unknown}"
    );
    assert!(refused(&["inspect", twice, "--weights-key", "ema"]).contains("without `--model`"));
    assert!(refused(&["inspect", "resnet20", "--weights-key", "ema"]).contains("alone"));
    let text = Path::new(env!("CARGO_TARGET_TMPDIR")).join("text.onnx");
    fs::write(&text, "hello").unwrap();
    assert!(
        refused(&["inspect", text.to_str().unwrap(), "--model", "resnet20"]).contains("text.onnx")
    );
    assert!(refused(&["inspect", "resnet20", "--model", "resnet56"]).contains("alone"));

    assert!(refused(&["inspect", file, "--size", "8"]).contains("--model"));
    let mean = ["--classes", "a,b", "--mean", "0.1,0.1", "--std", "1,1"];
    let mean = refused(&[&["predict", text.to_str().unwrap(), "a.png"], &mean[..]].concat());
    assert!(mean.contains("`--mean` of 2 channels"), "{mean}");
    let nowhere = ["--dataset", "digits", "--model", "resnet20", "--logits", "nowhere/x"];
    assert!(refused(&[&["evaluate", file], &nowhere[..]].concat()).contains("nowhere/x"));

    assert!(refused(&["evaluate", "none.pt", "--model", "resnet20"]).contains("no such file"));
    assert!(refused(&["evaluate", file, "--model", "resnet19"]).contains("`resnet19`"));
    assert!(refused(&["evaluate", file, "--model", "vgg-large"]).contains("--dataset"));
    let bytes = ["--mean", "123,116,103", "--std", "58,57,57", "--dataset", "digits"];
    let bytes = refused(&[&["evaluate", file, "--model", "vgg-large"], &bytes[..]].concat());
    assert!(bytes.contains("numbers from -1 to 1"), "{bytes}");
    assert!(refused(&["evaluate", file, "--mean", "0.5,0.5,0.5"]).contains("--std"));
    let classes = ["--model", "vgg-large", "--classes", "a,b"];
    assert!(refused(&[&["predict", file, "a.png"], &classes[..]].concat()).contains("--mean"));
    assert!(refused(&["predict", file, "a.png", "--model", "vgg-large"]).contains("--classes"));
}

#[test]
fn several_seeds_are_run_and_compared() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("runs");
    let out = out.to_str().unwrap();
    let tiny: Vec<&str> = TINY.iter().copied().filter(|one| !one.starts_with("--seed")).collect();
    let output = distill(&[&["run", "digits", "--seeds=1,2", "--out", out], &tiny[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let said = stdout(&output);
    for text in
        ["digits, flex, seeds 1, 2: 0.90", "student minus baseline, top-1: ", "ECE at T", "class"]
    {
        assert!(said.contains(text), "{said}");
    }
    assert!(folder.path().join("runs/comparison.json").is_file());
    let runs = ["seed1", "seed2"].map(|run| format!("{out}/{run}"));
    let again = distill(&["compare", &runs[0], &runs[1]]);
    assert_eq!(stdout(&again), said);
    let json = distill(&["compare", &runs[0], "--json"]);
    let json: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!(json["groups"][0]["gain_last"]["over"], "images");
    let error = refused(&["compare", "nowhere"]);
    assert!(error.contains("there is no `run.json`"), "{error}");
    let error = refused(&[&["run", "digits", "--seeds=1,1", "--out", out], &tiny[..]].concat());
    assert!(error.contains("`seeds` is `1`, expected each seed once"), "{error}");
}

#[test]
fn kept_answers_are_listed_verified_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (out, cache) = (place("run"), place("cache"));
    let output =
        distill(&[&["run", "digits", "--out", &out, "--cache", &cache], &TINY[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stderr(&output).contains("the teacher computed 128 images"), "{}", stderr(&output));
    let listed = distill(&["cache", "list", "--json", "--cache", &cache]);
    let listed: serde_json::Value = serde_json::from_str(&stdout(&listed)).unwrap();
    let name = listed["entries"][0]["name"].as_str().unwrap();
    let table = stdout(&distill(&["cache", "list", "--cache", &cache]));
    assert!(table.contains(name) && table.contains("vgg-small"), "{table}");

    let shard = folder.path().join("cache").join(name).join("view-00001/00000");
    let mut bytes = fs::read(&shard).unwrap();
    bytes[200] ^= 1;
    fs::write(&shard, bytes).unwrap();
    let verified = distill(&["cache", "verify", "--cache", &cache]);
    assert_eq!(verified.status.code(), Some(1));
    assert!(stdout(&verified).contains("00000: its checksum differs"), "{}", stdout(&verified));
    assert!(stderr(&verified).contains("hint: the next run"), "{}", stderr(&verified));
    refused(&["cache", "clear", "--cache", &cache]);
    refused(&["cache", "clear", "nothing", "--cache", &cache]);
    assert_eq!(distill(&["cache", "clear", name, "--cache", &cache]).status.code(), Some(0));
    let listed = stdout(&distill(&["cache", "list", "--cache", &cache]));
    assert!(listed.contains("the teacher cache is empty"), "{listed}");
}
