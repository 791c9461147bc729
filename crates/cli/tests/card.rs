//! One path from an image file to a network's input: report, `evaluate` on each export, and the card's own Python.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{fs, path::Path, process::Command};

use common::{distill, stderr, stdout};
use image::{Rgb, RgbImage};
use serde_json::Value;

/// What the numbers of one path may differ by.
const TOLERANCE: f64 = 1e-4;

#[test]
fn report_exports_and_the_cards_python_agree() {
    let folder = tempfile::tempdir().unwrap();
    photos(folder.path());
    for (name, size, data) in [
        ("smaller", 11, "resize = 18\ninterpolation = \"bicubic\""),
        ("equal", 16, "fit = \"pad\""),
        ("larger", 21, ""),
        ("grey", 7, "channels = 1\ncrop_pct = 0.8"),
    ] {
        let recipe = folder.path().join(format!("{name}.toml"));
        fs::write(&recipe, text(name, size, data)).unwrap();
        let out = folder.path().join(name);
        let run = ["run", recipe.to_str().unwrap(), "--data", folder.path().to_str().unwrap()];
        let run = distill(&[&run[..], &["--out", out.to_str().unwrap(), "-q"]].concat());
        assert!(run.status.success(), "{}", stderr(&run));
        let report = fs::read_to_string(out.join("report.json")).unwrap();
        let report: Value = serde_json::from_str(&report).unwrap();
        let said = scores(&report["models"]["student"]["test"]["selected"]);
        for file in ["student.bpk", "student.safetensors", "student.onnx"] {
            let file = out.join("export").join(file);
            let photos = folder.path().join("photos");
            let evaluate = ["evaluate", file.to_str().unwrap(), "--path", photos.to_str().unwrap()];
            let evaluated = distill(&[&evaluate[..], &["--json", "-q"]].concat());
            assert!(evaluated.status.success(), "{}", stderr(&evaluated));
            let evaluated = scores(&serde_json::from_str(&stdout(&evaluated)).unwrap());
            assert_close(said, evaluated, &format!("{name}, {}", file.display()));
        }
        let Some(python) = python() else {
            println!(
                "skipped: the card's Python needs numpy, Pillow and onnxruntime in `DISTILL_PYTHON`"
            );
            continue;
        };
        let by_card = by_the_card(&python, &out.join("export"), &folder.path().join("photos/test"));
        assert_close(said, by_card, &format!("{name}, the card's Python"));
    }
}

fn text(name: &str, size: usize, data: &str) -> String {
    format!(
        r#"
name = "{name}"
[data]
dataset = "folder"
path = "photos"
size = 16
{data}
[teacher]
model = "vgg-small"
blocks = [[6], [8]]
epochs = 1
[student]
model = "vgg-small"
blocks = [[6], [8]]
size = {size}
epochs = 3
[optimizer]
kind = "adam"
learning_rate = 5e-3
batch = 12
[[objective]]
term = "soft-targets"
temperature = 4.0
weight = 0.9
[[objective]]
term = "cross-entropy"
weight = 0.1
"#
    )
}

/// Photographs of many sizes and kinds, of three classes.
fn photos(folder: &Path) {
    for (split, count) in [("train", 20), ("test", 8)] {
        for (class, name) in ["left", "right", "top"].into_iter().enumerate() {
            let place = folder.join("photos").join(split).join(name);
            fs::create_dir_all(&place).unwrap();
            for index in 0..count {
                let [width, height] = [[48, 36], [30, 50], [16, 16], [9, 14]][index % 4];
                let image = RgbImage::from_fn(width, height, |x, y| {
                    let along = [x * 255 / width, 255 - x * 255 / width, y * 255 / height][class];
                    let noise = (x * 37 + y * 101 + 13 * index as u32) % 120;
                    let value = (along * 2 / 3 + noise * 2 / 3).min(255);
                    Rgb([value as u8, (value / 2) as u8, (noise * 2) as u8])
                });
                let ending = ["png", "bmp", "tif"][index % 3];
                image.save(place.join(format!("{index:02}.{ending}"))).unwrap();
            }
        }
    }
    let deep = image::ImageBuffer::<image::Luma<u16>, _>::from_fn(20, 12, |x, y| {
        image::Luma([(x * 3000 + y * 91) as u16])
    });
    deep.save(folder.join("photos/test/right/deep.png")).unwrap();
}

/// Top-1 and NLL.
fn scores(value: &Value) -> [f64; 2] {
    ["top1", "nll"].map(|name| value[name].as_f64().unwrap())
}

fn assert_close(said: [f64; 2], other: [f64; 2], what: &str) {
    for (a, b) in said.into_iter().zip(other) {
        assert!((a - b).abs() < TOLERANCE, "{what}: {said:?} in the report, {other:?}");
    }
}

/// A Python with what the card's example imports.
fn python() -> Option<String> {
    let python = std::env::var("DISTILL_PYTHON").ok()?;
    let imports = Command::new(&python).args(["-c", "import numpy, PIL, onnxruntime"]).output();
    imports.is_ok_and(|output| output.status.success()).then_some(python)
}

/// Top-1 and NLL of the test images by the code in `README.md`, as it stands there.
fn by_the_card(python: &str, export: &Path, test: &Path) -> [f64; 2] {
    let readme = fs::read_to_string(export.join("README.md")).unwrap();
    let blocks = readme.split("```python\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let code = blocks.filter(|code| code.contains("onnxruntime")).collect::<String>();
    let harness = r#"
import pathlib, sys
right, nll, count = 0, 0.0, 0
for path in sorted(pathlib.Path(sys.argv[1]).glob("*/*")):
    row = logits(path).astype(np.float64)
    label = card["classes"].index(path.parent.name)
    row -= row.max()
    right += row.argmax() == label
    nll -= row[label] - np.log(np.exp(row).sum())
    count += 1
print(json.dumps({"top1": right / count, "nll": nll / count}))
"#;
    fs::write(export.join("example.py"), format!("{code}{harness}")).unwrap();
    let mut command = Command::new(python);
    command.current_dir(export).arg("example.py").arg(test);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    scores(&serde_json::from_str(&stdout(&output)).unwrap())
}
