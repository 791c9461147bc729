//! Networks that start from trained weights, and teachers that know other classes than the data.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{fs, path::Path, sync::atomic::AtomicBool};

use burn::tensor::Device;
use distill_driver::{DriverError, Report, RunConfig, Silent, recipe, run};
use image::{Rgb, RgbImage};

/// Photographs of classes by colour.
fn photos(root: &Path, classes: &[&str]) {
    for (split, count) in [("train", 24), ("test", 12)] {
        for class in classes {
            let place = root.join(split).join(class);
            fs::create_dir_all(&place).unwrap();
            for index in 0..count {
                let image = RgbImage::from_fn(8, 8, |x, y| {
                    let noise = ((x * 31 + y * 17 + index * 7) % 90) as u8;
                    let mut pixel = [noise, noise, noise];
                    let channel = ["red", "green", "blue"].iter().position(|name| name == class);
                    pixel[channel.unwrap()] += 110;
                    Rgb(pixel)
                });
                image.save(place.join(format!("{index:02}.png"))).unwrap();
            }
        }
    }
}

fn made(
    out: &Path,
    data: &Path,
    teacher: &str,
    student: &str,
    rate: f64,
) -> Result<Report, DriverError> {
    let text = format!(
        r#"
name = "tuned"
[data]
dataset = "folder"
path = "{}"
size = 8
[teacher]
model = "vgg-small"
blocks = [[4], [6]]
{teacher}
[student]
model = "vgg-small"
blocks = [[4], [6]]
{student}
[optimizer]
kind = "sgd"
learning_rate = {rate}
batch = 8
[[objective]]
term = "soft-targets"
temperature = 2.0
weight = 0.5
[[objective]]
term = "cross-entropy"
weight = 0.5
"#,
        data.display()
    );
    let file = out.with_extension("toml");
    fs::write(&file, text).unwrap();
    let (recipe, source) = recipe::read(file.to_str().unwrap(), &[])?;
    let plan = recipe::Plan::new(recipe, &source)?;
    let config = RunConfig { recipe: plan, ..common::config(out, Device::flex(), "flex", &[]) };
    run(&config, &mut Silent, &AtomicBool::new(false))
}

#[test]
fn networks_start_from_weights_and_teachers_know_more_classes() {
    let folder = tempfile::tempdir().unwrap();
    let [three, two, other] = ["three", "two", "other"].map(|name| folder.path().join(name));
    photos(&three, &["blue", "green", "red"]);
    photos(&two, &["red", "blue"]);
    photos(&other, &["green", "red"]);
    fs::rename(other.join("train/green"), other.join("train/grass")).unwrap();
    fs::rename(other.join("test/green"), other.join("test/grass")).unwrap();

    let first = folder.path().join("first");
    let report = made(&first, &three, "epochs = 6", "epochs = 1", 0.05).unwrap();
    let weights = format!("weights = \"{}\"", first.join("teacher/selected.bpk").display());

    // A student that hardly moves is its teacher.
    let out = folder.path().join("still");
    let tuned = made(&out, &three, &weights, &format!("{weights}\nepochs = 1"), 1e-12).unwrap();
    let [teacher, student] = [&tuned.models.teacher, &tuned.models.student];
    assert!((teacher.test.selected.top1 - report.models.teacher.test.selected.top1).abs() < 1e-12);
    // The running statistics of its norms move, by a tenth of the way in each step.
    assert!((teacher.test.selected.nll - student.test.selected.nll).abs() < 0.3);
    assert!(teacher.test.selected.top1 > 0.9, "{teacher:?}");
    assert!(student.test.selected.top1 > 0.9, "{student:?}");

    // Two classes of three, in another order: the card beside the weights has their names.
    let out = folder.path().join("subset");
    let subset =
        made(&out, &two, &weights, &format!("{weights}\nepochs = 2\nfreeze_epochs = 1"), 0.01);
    let subset = subset.unwrap();
    assert!(subset.models.teacher.test.selected.top1 > 0.9, "{:?}", subset.models.teacher);
    assert_eq!(subset.models.teacher.epochs, 0);
    assert_eq!(subset.models.student.test.selected.count, 24);

    // A class that the teacher does not know is refused, and a last layer for it is new where it is trained.
    let out = folder.path().join("unknown");
    let error = made(&out, &other, &weights, "epochs = 1", 0.01).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let error = error.to_string();
    assert!(error.contains("(grass)") && error.contains("`teacher.classes`"), "{error}");
    let out = folder.path().join("new-head");
    let tuned = format!("{weights}\nepochs = 3");
    let tuned = made(&out, &other, &tuned, &tuned, 0.05).unwrap();
    assert!(tuned.models.teacher.epochs == 3 && tuned.models.teacher.test.last.top1 > 0.5);
    assert!(out.join("teacher/last.bpk").is_file());

    // The names in a recipe win over the card's.
    let out = folder.path().join("named");
    let named = format!("{weights}\nclasses = [\"blue\", \"grass\", \"red\"]");
    let named = made(&out, &other, &named, "epochs = 1", 0.01).unwrap();
    assert!(named.models.teacher.test.selected.top1 > 0.9, "{:?}", named.models.teacher);
}
