//! The published teachers on the real CIFAR-10, where `DISTILL_DATA` names a folder that has both.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::PathBuf, sync::Arc};

use burn::tensor::Device;
use distill_datasets::{LoadConfig, Loader, load};
use distill_driver::{Classifier, ModelCard, evaluation::Predictions};
use distill_models::{Architecture, Overrides, Signature};
use distill_testkit::cpu_devices;

/// The first test images: enough to tell a right network from a wrong one in seconds.
const IMAGES: usize = 500;

#[test]
fn published_teachers_score_what_their_author_says() {
    let Some(data) = data() else { return };
    let dataset =
        load(&LoadConfig { offline: true, ..LoadConfig::new("cifar10", &data) }, &mut |_| {});
    let test = Arc::new(dataset.unwrap().test.first(IMAGES));
    let classes = |model: &str, file: &str, device: &Device, images: usize| {
        let loader = Loader::in_order(Arc::new(test.first(images)), 100);
        let network = Classifier::load(&card(model), &data.join(file), device).unwrap();
        let predictions = Predictions::collect(&loader, device, |x| network.logits(x)).unwrap();
        let scores = predictions.scores(None);
        (predictions.rows().map(likeliest).collect::<Vec<usize>>(), scores)
    };
    let flex = Device::flex();
    // PyTorch counts as many errors among the first 500 test images.
    let (resnet20, scores) = classes("resnet20", "teachers/resnet20-12fca82f.th", &flex, IMAGES);
    assert_eq!(scores.errors, RESNET20_ERRORS, "resnet20");
    let (resnet56, scores) = classes("resnet56", "teachers/resnet56-4bfd9763.th", &flex, IMAGES);
    assert_eq!(scores.errors, RESNET56_ERRORS, "resnet56");
    let file = "teachers/resnet56-4bfd9763.safetensors";
    assert_eq!(classes("resnet56", file, &flex, IMAGES).0, resnet56, "the same weights");

    let (_, ndarray) = cpu_devices().into_iter().find(|(name, _)| *name == "ndarray").unwrap();
    let (there, _) = classes("resnet20", "teachers/resnet20-12fca82f.th", &ndarray, IMAGES);
    assert_eq!(there, resnet20, "ndarray");
}

const RESNET20_ERRORS: usize = 45;
const RESNET56_ERRORS: usize = 30;

fn likeliest(row: &[f32]) -> usize {
    (0..row.len()).max_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap()
}

fn card(model: &str) -> ModelCard {
    ModelCard {
        model: model.to_owned(),
        architecture: Architecture::named(model, Overrides::default()).unwrap(),
        signature: Signature::images([3, 32, 32], 10),
        classes: (0..10).map(|class| class.to_string()).collect(),
        mean: vec![0.485, 0.456, 0.406],
        std: vec![0.229, 0.224, 0.225],
        transform: None,
        dataset: "cifar10".to_owned(),
        files: Default::default(),
    }
}

#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn data() -> Option<PathBuf> {
    let folder = std::env::var_os("DISTILL_DATA").map(PathBuf::from);
    let files = ["cifar-10-binary.tar.gz", "teachers/resnet56-4bfd9763.safetensors"];
    let found = folder.filter(|folder| files.iter().all(|file| folder.join(file).is_file()));
    if found.is_none() {
        eprintln!("skipped: DISTILL_DATA names no folder with CIFAR-10 and `teachers`");
    }
    found
}
