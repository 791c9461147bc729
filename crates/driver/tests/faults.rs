//! What goes wrong on the way, and what the user sees of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{fs, path::Path, sync::atomic::AtomicBool};

use burn::{
    module::{Module, ModuleMapper, Param},
    tensor::{Device, Tensor},
};
use common::config;
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_driver::{DriverError, Report, RunConfig, Silent, Stage, run};
use distill_models::{
    Architecture, Overrides, Signature,
    weights::{Precision, to_bytes},
};
use survival::{Notes, StopIn, bits, checkpoints, metrics};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before_it() {
    let _turn = TURN.lock();
    let (whole, broken) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    complete(&flex(whole.path(), &[]));
    let student = broken.path().join("student");
    let stop = |steps, resume| {
        let interrupt = AtomicBool::new(false);
        let mut stop = StopIn { stage: Stage::Student, epoch: 2, steps, interrupt: &interrupt };
        let config = RunConfig { resume, ..flex(broken.path(), &["checkpoint_every=2"]) };
        assert_eq!(run(&config, &mut stop, &interrupt).unwrap_err().exit_code(), 130);
    };
    // One part after the other, each time in the newest of two checkpoints.
    stop(3, false);
    for (part, steps) in [
        ("model.bpk", 4),
        ("optimizer.bpk", 5),
        ("progress.json", 5),
        ("selected.bpk", 5),
        ("checksums.json", 5),
    ] {
        let there = checkpoints(&student);
        assert_eq!(there.len(), 2, "the last one and the one before it");
        let file = there[1].join(part);
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 4;
        fs::write(&file, bytes).unwrap();
        stop(steps, true);
    }
    let newest = checkpoints(&student).pop().unwrap();
    fs::remove_file(newest.join("model.bpk")).unwrap();
    let mut notes = Notes::default();
    let config = RunConfig { resume: true, ..flex(broken.path(), &["checkpoint_every=2"]) };
    let result = run(&config, &mut notes, &AtomicBool::new(false));
    let warning = notes.0.iter().find(|note| note.starts_with("warning: ")).unwrap();
    for text in [
        "checkpoint-0000002-0000005: the checkpoint is damaged (`model.bpk`",
        "the one before it counts",
    ] {
        assert!(warning.contains(text), "{warning}");
    }
    result.unwrap();
    assert!(metrics(broken.path(), "student") == metrics(whole.path(), "student"));
    for file in ["student/last.bpk", "student/selected.bpk"] {
        assert!(bits(&broken.path().join(file)) == bits(&whole.path().join(file)), "{file}");
    }
    let left = fs::read_dir(&student).unwrap().flatten().map(|entry| entry.file_name());
    assert!(left.into_iter().all(|name| !name.to_string_lossy().contains("-0000")));
}

#[test]
fn a_stage_without_a_whole_checkpoint_stops_before_it_starts_anew() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Teacher, epoch: 1, steps: 3, interrupt: &interrupt };
    run(&flex(folder.path(), &[]), &mut stop, &interrupt).unwrap_err();
    let one = checkpoints(&folder.path().join("teacher")).pop().unwrap();
    fs::write(one.join("optimizer.bpk"), "no optimizer").unwrap();
    let config = RunConfig { resume: true, ..flex(folder.path(), &[]) };
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("none of its checkpoints is whole"), "{error}");
    assert!(error.contains("run again to start this stage anew"), "{error}");
    assert!(
        folder.path().join("teacher/damaged-0000001-0000003/model.bpk").is_file(),
        "it is kept"
    );
    complete(&config);
}

#[test]
fn lost_lines_are_told() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Teacher, epoch: 2, steps: 3, interrupt: &interrupt };
    run(&flex(folder.path(), &[]), &mut stop, &interrupt).unwrap_err();
    fs::write(folder.path().join("teacher/metrics.jsonl"), "").unwrap();
    let config = RunConfig { resume: true, ..flex(folder.path(), &[]) };
    let mut notes = Notes::default();
    run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(notes.0.iter().any(|note| note.contains("lines that were there are lost")));
}

#[test]
fn a_loss_that_is_no_number_names_its_batch_and_the_last_good_checkpoint() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config = with_one_bad_image(folder.path(), "stop", &[]);
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    let DriverError::NonFinite { epoch, step, samples, saved, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!((*epoch, samples.len()), (1, 8));
    assert!(samples.contains(&bad(&config)), "{samples:?}");
    let saved = saved.as_ref().unwrap();
    assert!(saved.ends_with(format!("student/checkpoint-0000001-{:07}", step - 1)), "{saved:?}");
    let text = error.to_string();
    for part in [
        "the loss is `NaN`",
        "batch of 8 training images: ",
        "the last good checkpoint is",
        "hint: ",
    ] {
        assert!(text.contains(part), "{text}");
    }
    let file = config.out.join("student/non-finite.json");
    let written: serde_json::Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    assert_eq!(written["samples"].as_array().unwrap().len(), 8);
}

#[test]
fn a_recipe_may_leave_such_batches_out() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config = with_one_bad_image(folder.path(), "skip", &["non_finite=skip"]);
    let mut notes = Notes::default();
    let report = run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert_eq!(report.models.student.skipped, 3, "once an epoch");
    assert!(report.models.student.test.last.nll.is_finite());
    let told = notes.0.iter().filter(|note| note.contains("skipped, its loss")).count();
    assert_eq!(told, 3, "{:?}", notes.0);
    let lines = metrics(&config.out, "student");
    let bad = bad(&config);
    let skipped = lines.lines().filter(|line| line.contains(r#""event":"skipped""#));
    let with_it = skipped.filter(|line| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        line["samples"].as_array().unwrap().contains(&bad.into())
    });
    assert_eq!(with_it.count(), 3);

    // Where every number is one, the two ways are the same.
    let stopped = with_one_bad_image(folder.path(), "stop", &[]);
    run(&stopped, &mut Silent, &AtomicBool::new(false)).unwrap_err();
    assert!(metrics(&stopped.out, "baseline") == metrics(&config.out, "baseline"));

    // Where no batch is any good, the run ends.
    let explode = [
        "non_finite=skip",
        "optimizer.batch=1",
        "optimizer.kind=sgd",
        "optimizer.learning_rate=1e38",
    ];
    let config = with_one_bad_image(folder.path(), "explode", &explode);
    let error = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap_err().to_string();
    assert!(error.contains("ten batches in a row"), "{error}");
}

#[test]
fn data_that_changed_is_noticed_before_and_amid_a_run() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    let config =
        with_one_bad_image(folder.path(), "run", &["objective=[{term=\"cross-entropy\"}]"]);
    let interrupt = AtomicBool::new(false);
    let mut stop = StopIn { stage: Stage::Student, epoch: 2, steps: 2, interrupt: &interrupt };
    run(&config, &mut stop, &interrupt).unwrap_err();
    let image = folder.path().join("images/train/a/00.png");
    let before = fs::read(&image).unwrap();
    let pixels = image::RgbImage::from_pixel(8, 8, image::Rgb([9, 8, 7]));
    pixels.save(&image).unwrap();

    let config = RunConfig { resume: true, ..config };
    let mut notes = Notes::default();
    run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    for stage in ["teacher", "baseline", "student"] {
        let mut of_stage = notes.0.iter().filter(|note| note.starts_with(stage));
        let told = of_stage.any(|note| note.contains("this changed: dataset;"));
        assert!(told, "{stage}: {:?}", notes.0);
    }
    // With the old data back, what was interrupted goes on where it was.
    fs::write(&image, before).unwrap();
    let mut notes = Notes::default();
    run(&config, &mut notes, &AtomicBool::new(false)).unwrap();
    assert!(
        notes.0.iter().any(|note| note == "student: goes on in epoch 2 after step 2"),
        "{:?}",
        notes.0
    );
}

/// Index of the white image among the training images, which are not in the order of their names.
fn bad(config: &RunConfig) -> u64 {
    let load_config = config.recipe.load_config(config.data.clone(), true);
    let set = distill_datasets::load(&load_config, &mut |_| {}).unwrap().train;
    let index = (0..set.len()).find(|index| set.image(*index)[0] == 255).unwrap();
    assert!(index < 32, "it is none of those that are held out");
    index as u64
}

/// A recipe over a folder of dark images, one of them white, and a given teacher whose logits for a white
/// image are beyond all numbers.
fn with_one_bad_image(folder: &Path, out: &str, more: &[&str]) -> RunConfig {
    let images = folder.join("images");
    for (split, count) in [("train", 20), ("test", 3)] {
        for (class, shade) in [("a", 10), ("b", 40)] {
            let place = images.join(split).join(class);
            fs::create_dir_all(&place).unwrap();
            for index in 0..count {
                let dark = shade + index as u8;
                let is_bad = (split, class, index) == ("train", "a", 3);
                let pixel = if is_bad { [255; 3] } else { [dark, dark / 2, dark] };
                let image = image::RgbImage::from_pixel(8, 8, image::Rgb(pixel));
                let file = place.join(format!("{index:02}.png"));
                if !file.exists() {
                    image.save(file).unwrap();
                }
            }
        }
    }
    let teacher = folder.join("teacher.bpk");
    fs::write(&teacher, overflowing_teacher()).unwrap();
    let data = format!(
        r#"data={{dataset="folder", path="{}", size=8, validation=8, mean=[0.0, 0.0, 0.0], std=[1.0, 1.0, 1.0]}}"#,
        images.display()
    );
    let teacher =
        format!(r#"teacher={{model="mlp-800", hidden=[1], weights="{}"}}"#, teacher.display());
    let settings = [&data, &teacher, "optimizer.batch=8", "checkpoint_every=1"];
    let student = r#"student={model="mlp-800", hidden=[4], epochs=3}"#;
    flex(&folder.join(out), &[&settings[..], &[student], more].concat())
}

/// A perceptron with one hidden unit, which a mean brightness above one half wakes.
fn overflowing_teacher() -> Vec<u8> {
    struct Fill;
    impl ModuleMapper for Fill {
        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let value = match param.val().shape().dims::<D>()[..] {
                [192, 1] => 1e20 / 192.0,
                [1] => -0.5e20,
                [1, 2] => 1e30,
                _ => 0.0,
            };
            param.map(|tensor| tensor.full_like(value))
        }
    }
    let signature = Signature::images([3, 8, 8], 2);
    let hidden = Overrides { hidden: Some(vec![1]), ..Default::default() };
    let architecture = Architecture::named("mlp-800", hidden).unwrap();
    let mut rng = KeyedRng::new(0, 0, 0, Operation::Weights);
    let network = architecture.init(&signature, &mut rng, &Device::flex()).unwrap();
    to_bytes(&network.map(&mut Fill), Precision::Single, Path::new("teacher.bpk")).unwrap()
}

fn flex(out: &Path, more: &[&str]) -> RunConfig {
    config(out, Device::flex(), "flex", more)
}

fn complete(config: &RunConfig) -> Report {
    run(config, &mut Silent, &AtomicBool::new(false)).unwrap()
}
