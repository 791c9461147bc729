//! Networks learn: by heart what they are shown, and real numerals where the data is there.

mod common;

use std::sync::atomic::AtomicBool;

use burn::tensor::Device;
use common::config;
use distill_driver::{Capabilities, RunConfig, Silent, recipe, run};

#[test]
fn sixty_four_images_are_learnt_by_heart() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        "data.train=64",
        "data.augment=[]",
        "teacher.epochs=100",
        "teacher.blocks=[[16], [32], [32]]",
        "student.epochs=100",
        "student.blocks=[[16], [32], [32]]",
        "objective.1.weight=1.0",
        "log_every=2",
    ];
    let config = config(folder.path(), Device::flex(), "flex", &settings);
    run(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
    for stage in ["teacher", "baseline", "student"] {
        let metrics = folder.path().join(stage).join("metrics.jsonl");
        let text = std::fs::read_to_string(metrics).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let right = last["train_top1"].as_f64().unwrap();
        assert!(right >= 0.98, "{stage}: {right} of what it was shown");
    }
}

/// The perceptrons of Hinton et al. 2015 on a part of the real MNIST.
#[test]
fn perceptrons_read_real_numerals() {
    let Some(data) = std::env::var_os("DISTILL_DATA") else {
        eprintln!("skipped: DISTILL_DATA names no folder with the real MNIST");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let text = r#"
        name = "mnist-part"
        [data]
        dataset = "mnist"
        train = 6000
        validation = 1000
        [teacher]
        model = "mlp-1200"
        epochs = 3
        [student]
        model = "mlp-800"
        hidden = [64, 64]
        epochs = 2
        [[objective]]
        term = "soft-targets"
        temperature = 20
    "#;
    let file = folder.path().join("mnist.toml");
    std::fs::write(&file, text).unwrap();
    let (recipe, source) = recipe::read(file.to_str().unwrap(), &[]).unwrap();
    let config = RunConfig {
        recipe: recipe::Plan::new(recipe, &source).unwrap(),
        seed: 1,
        out: folder.path().join("run"),
        data: data.into(),
        offline: true,
        resume: false,
        backend: "flex".to_owned(),
        capabilities: Capabilities::default(),
        device: Device::flex(),
        cache: folder.path().join("cache"),
        workers: 1,
        reuse: Vec::new(),
        decoded: None,
    };
    let report = run(&config, &mut Silent, &AtomicBool::new(false)).unwrap();
    assert_eq!(report.models.teacher.parameters, 2_395_210);
    assert_eq!(report.dataset.test, 10_000);
    for model in [&report.models.teacher, &report.models.baseline, &report.models.student] {
        let top1 = model.test.last.top1;
        assert!(top1 > 0.85, "{}: {top1} after a short training on a tenth", model.architecture);
    }
}
