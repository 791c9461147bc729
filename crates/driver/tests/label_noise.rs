//! Labels that the teacher contradicts surely: how many, which files, and that an interruption changes nothing.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
#[path = "common/survival.rs"]
mod survival;

use std::{fs, path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use common::config;
use distill_driver::{
    LabelNoiseRecord, Report, RunConfig, Silent, Stage,
    recipe::{self, Plan},
    run,
};
use survival::{Notes, StopIn};

/// The device draws from one generator a process, so runs that are compared take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// Images of one grey each: `dark` and `light`, and some that lie in the other's folder.
fn photos(root: &Path) {
    for (split, count) in [("train", 40), ("val", 8), ("test", 8)] {
        for (class, level) in [("dark", 40_u8), ("light", 200)] {
            let folder = root.join(split).join(class);
            fs::create_dir_all(&folder).unwrap();
            for at in 0..count {
                let wrong = split == "train" && class == "dark" && [3, 17].contains(&at);
                let level = if wrong { 200 } else { level } + at;
                let image = image::RgbImage::from_pixel(8, 8, [level; 3].into());
                image.save(folder.join(format!("{at:02}.png"))).unwrap();
            }
        }
    }
}

const RECIPE: &str = r#"
name = "labels"
[data]
dataset = "folder"
path = "photos"
size = 8
[teacher]
model = "mlp-800"
hidden = [16]
epochs = 6
[student]
model = "mlp-800"
hidden = [8]
epochs = 2
[optimizer]
learning_rate = 1e-2
batch = 8
[[objective]]
term = "soft-targets"
[[objective]]
term = "cross-entropy"
"#;

/// The recipe on the images beside it, with `more` fields of the student.
fn labels(folder: &Path, out: &str, more: &str) -> RunConfig {
    let text = RECIPE.replace("hidden = [8]", &format!("hidden = [8]\n{more}"));
    let file = folder.join(format!("{out}.toml"));
    fs::write(&file, text).unwrap();
    let (recipe, source) = recipe::read(file.to_str().unwrap(), &[]).unwrap();
    RunConfig {
        recipe: Plan::new(recipe, &source).unwrap(),
        data: folder.to_owned(),
        out: folder.join(out),
        ..config(&folder.join(out), Device::flex(), "flex", &[])
    }
}

fn complete(config: &RunConfig) -> (Report, Vec<String>) {
    let mut notes = Notes::default();
    let report = run(config, &mut notes, &AtomicBool::new(false)).unwrap();
    (report, notes.0)
}

#[test]
fn wrong_labels_are_counted_and_their_files_named() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"));
    let (report, notes) = complete(&labels(folder.path(), "all", ""));
    let noise = report.label_noise.unwrap();
    assert_eq!((noise.images, noise.count, noise.threshold), (80, 2, 0.95));
    let mut files: Vec<&str> = noise.found.iter().map(|one| one.file.as_deref().unwrap()).collect();
    files.sort_unstable();
    assert_eq!(files, ["train/dark/03.png", "train/dark/17.png"]);
    for one in &noise.found {
        assert_eq!((one.label.as_str(), one.teacher.as_str()), ("dark", "light"));
        assert!(one.probability >= 0.95 && one.label_probability <= 0.05, "{one:?}");
    }
    let path = folder.path().join("all/student/label_noise.json");
    let file: LabelNoiseRecord = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert_eq!(file, noise);
    let said = "student: the teacher contradicts the labels of 2 of 80 training images";
    assert!(notes.iter().any(|note| note.starts_with(said)), "{notes:?}");
    assert!(!folder.path().join("all/baseline/label_noise.json").exists(), "it has no teacher");
}

#[test]
fn parts_of_a_batch_and_a_teacher_cache_find_the_same() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"));
    let files = |config: &RunConfig| -> Vec<String> {
        let found = complete(config).0.label_noise.unwrap().found;
        let mut files: Vec<_> = found.into_iter().filter_map(|one| one.file).collect();
        files.sort();
        files
    };
    let expected = ["train/dark/03.png", "train/dark/17.png"];
    assert_eq!(files(&labels(folder.path(), "parts", "optimizer.accumulate = 3")), expected);
    let mut cached = labels(folder.path(), "cached", "");
    let text = format!("{RECIPE}[cache]\nviews = 1\n");
    fs::write(folder.path().join("cached.toml"), text).unwrap();
    let file = folder.path().join("cached.toml");
    let (recipe, source) = recipe::read(file.to_str().unwrap(), &[]).unwrap();
    cached.recipe = Plan::new(recipe, &source).unwrap();
    assert_eq!(files(&cached), expected);
}

#[test]
fn an_interruption_changes_nothing() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"));
    let (whole, _) = complete(&labels(folder.path(), "whole", ""));
    let interrupt = AtomicBool::new(false);
    let mut observer = StopIn { stage: Stage::Student, epoch: 1, steps: 4, interrupt: &interrupt };
    let mut broken = labels(folder.path(), "broken", "");
    broken.recipe.recipe.log_every = 1;
    run(&broken, &mut observer, &interrupt).unwrap_err();
    broken.resume = true;
    let (report, _) = complete(&broken);
    assert_eq!(report.label_noise, whole.label_noise);
}

#[test]
fn without_a_teacher_nothing_is_said_and_few_images_are_told_apart() {
    let _turn = TURN.lock();
    let folder = tempfile::tempdir().unwrap();
    photos(&folder.path().join("photos"));
    let mut alone = labels(folder.path(), "alone", "");
    let text = fs::read_to_string(folder.path().join("alone.toml")).unwrap();
    let text = text.replace("[[objective]]\nterm = \"soft-targets\"\n", "");
    fs::write(folder.path().join("alone.toml"), text).unwrap();
    let (recipe, source) =
        recipe::read(folder.path().join("alone.toml").to_str().unwrap(), &[]).unwrap();
    alone.recipe = Plan::new(recipe, &source).unwrap();
    let (report, _) = complete(&alone);
    assert_eq!(report.label_noise, None);

    let few =
        run(&labels(folder.path(), "few", "train = 20"), &mut Silent, &AtomicBool::new(false));
    assert_eq!(few.unwrap().label_noise.unwrap().images, 20);
}
