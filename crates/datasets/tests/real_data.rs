//! The published data, where `DISTILL_DATA` names a folder that has it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::PathBuf;

use distill_datasets::{Dataset, LoadConfig, load};

#[test]
fn mnist_is_read_as_published() {
    let Some(set) = real("mnist", "mnist") else {
        return;
    };
    assert_eq!((set.train.len(), set.test.len(), set.classes.len()), (60_000, 10_000, 10));
    assert_eq!(set.train.labels()[..10], [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]);
    assert_eq!(set.test.labels()[..10], [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]);
    let pixels = (0..set.train.len()).flat_map(|i| set.train.image(i).iter());
    let sum: u64 = pixels.map(|byte| u64::from(*byte)).sum();
    let mean = sum as f64 / (60_000.0 * 784.0 * 255.0);
    assert!((mean - f64::from(set.normalisation.mean[0])).abs() < 1e-4, "{mean}");
}

#[test]
fn cifar_10_is_read_as_published() {
    let Some(set) = real("cifar10", "cifar-10-binary.tar.gz") else {
        return;
    };
    assert_eq!((set.train.len(), set.test.len()), (50_000, 10_000));
    assert_eq!(set.classes[..3], ["airplane", "automobile", "bird"]);
    assert_eq!(set.train.labels()[..10], [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    assert_eq!(set.test.labels()[..10], [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]);
    for class in 0..10 {
        assert_eq!(set.train.labels().iter().filter(|label| **label == class).count(), 5000);
    }
    for channel in 0..3 {
        let planes = (0..set.train.len()).map(|i| &set.train.image(i)[channel * 1024..][..1024]);
        let sum: u64 = planes.flatten().map(|byte| u64::from(*byte)).sum();
        let mean = sum as f64 / (50_000.0 * 1024.0 * 255.0);
        let expected = f64::from(set.normalisation.mean[channel]);
        assert!((mean - expected).abs() < 5e-4, "channel {channel}: {mean}, expected {expected}");
    }
}

#[expect(clippy::print_stderr, reason = "a test that skips says so")]
fn real(name: &str, file: &str) -> Option<Dataset> {
    let folder = std::env::var_os("DISTILL_DATA").map(PathBuf::from);
    let Some(folder) = folder.filter(|folder| folder.join(file).exists()) else {
        eprintln!("skipped: DISTILL_DATA names no folder with `{file}`");
        return None;
    };
    let config = LoadConfig { offline: true, ..LoadConfig::new(name, folder) };
    Some(load(&config, &mut |_| {}).unwrap())
}
