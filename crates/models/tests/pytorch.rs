//! What PyTorch says, with the same weights on the same images: see `pytorch/reference.py`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use distill_models::{
    Architecture, ModelError, ModelInfo, Network, NormKind, Overrides, Signature,
    weights::{self, Container, Precision},
};
use distill_testkit::{cpu_devices, values};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    zoo: Vec<Case>,
    files: Files,
}

#[derive(Deserialize)]
struct Case {
    model: String,
    channels: usize,
    side: usize,
    classes: usize,
    tensors: usize,
    logits: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct Files {
    logits: Vec<Vec<f64>>,
    batch_norm_logits: Vec<Vec<f64>>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("pytorch/logits.json")).unwrap()
}

#[test]
fn each_family_gives_the_logits_of_pytorch_under_its_names() {
    let folder = tempfile::tempdir().unwrap();
    for case in reference().zoo {
        let Case { model, channels, side, classes, tensors, logits } = case;
        let architecture = Architecture::named(&model, Overrides::default()).unwrap();
        let signature = Signature::images([channels, side, side], classes);
        let network = build(&architecture, signature, &Device::flex());
        // The network's own file tells its names; the formula gives each one PyTorch's numbers.
        let path = folder.path().join("own.safetensors");
        let own = weights::to_safetensors(&network, Precision::Single, Default::default(), &path);
        std::fs::write(&path, own.unwrap()).unwrap();
        let table = weights::table(&path).unwrap();
        assert_eq!(table.len(), tensors, "{model}");
        let numbers: Vec<(String, Vec<usize>, Vec<u8>)> = table
            .into_iter()
            .map(|info| {
                let bytes = numbers(&info.name, &info.shape);
                (info.name, info.shape, bytes.iter().flat_map(|n| n.to_le_bytes()).collect())
            })
            .collect();
        let views = numbers.iter().map(|(name, shape, bytes)| {
            let kind = safetensors::Dtype::F32;
            (name, safetensors::tensor::TensorView::new(kind, shape.clone(), bytes).unwrap())
        });
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let network = weights::load(network, &path).unwrap().valid();
        let images = images([2, channels, side, side], &Device::flex());
        let given = values(network.forward(images).narrow(1, 0, 10));
        compare(&model, &given, &logits);
    }
}

#[test]
fn every_container_of_pytorch_is_read() {
    let reference = reference().files;
    for (backend, device) in cpu_devices() {
        for (file, container) in [
            ("state.pt", Container::PyTorch),
            ("a_stem_of_21_letters_.pt", Container::PyTorch),
            ("legacy.pth", Container::PyTorch),
            ("nested.th", Container::PyTorch),
            ("model.pt", Container::PyTorch),
            ("module.pt", Container::PyTorch),
            ("double.pt", Container::PyTorch),
            ("state.safetensors", Container::Safetensors),
        ] {
            assert_eq!(weights::container(&fixture(file)).unwrap(), container, "{file}");
            let network = load(file, NormKind::Running, &device).unwrap();
            let given = values(network.forward(images([3, 3, 8, 8], &device)));
            compare(&format!("{file} on {backend}"), &given, &reference.logits);
        }
        let network = load("batch-norm.pt", NormKind::Batch, &device).unwrap();
        let given = values(network.forward(images([3, 3, 8, 8], &device)));
        compare("batch-norm.pt", &given, &reference.batch_norm_logits);
    }
}

#[test]
fn weights_of_another_network_are_refused_with_all_names() {
    let device = Device::flex();
    let error = load("batch-norm.pt", NormKind::Running, &device).unwrap_err().to_string();
    assert!(error.contains("4 missing: layers.2.running_mean"), "{error}");
    assert!(error.contains("hint: its norms keep no running statistics"), "{error}");

    let error = load("twice.pt", NormKind::Running, &device).unwrap_err().to_string();
    assert!(error.contains("this network's weights under `ema.` and `model.`"), "{error}");
    let error = load("nan.pt", NormKind::Running, &device).unwrap_err().to_string();
    assert!(error.contains("`fc.bias` holds NaN, expected finite numbers"), "{error}");

    let blocks = Some(vec![vec![4], vec![9]]);
    let wider = build(&tutorial(blocks, NormKind::Running), SMALL, &device);
    let error = weights::load(wider, &fixture("state.pt")).unwrap_err().to_string();
    assert!(error.contains("layers.6.weight is [8, 4, 3, 3], expected [9, 4, 3, 3]"), "{error}");

    let other =
        build(&Architecture::named("resnet20", Overrides::default()).unwrap(), SMALL, &device);
    let error = weights::load(other, &fixture("nested.th")).unwrap_err();
    assert!(matches!(error, ModelError::Mismatch { .. }));
    let text = error.to_string();
    assert!(text.contains("95 missing: conv1.weight") && text.contains("and 85 more"), "{text}");
}

#[test]
fn half_precision_halves_the_weights_and_nothing_else() {
    let device = Device::flex();
    let network = load("state.pt", NormKind::Running, &device).unwrap();
    let expected = values(network.forward(images([3, 3, 8, 8], &device)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("half");
    for bytes in [
        weights::to_bytes(&network, Precision::Half, &path).unwrap(),
        weights::to_safetensors(&network, Precision::Half, Default::default(), &path).unwrap(),
    ] {
        std::fs::write(&path, bytes).unwrap();
        let types = weights::table(&path).unwrap();
        let halves = types.iter().filter(|info| info.kind == "f16").count();
        assert_eq!(halves, 3, "two convolutions and a linear layer");
        let blocks = Some(vec![vec![4], vec![8]]);
        let other = build(&tutorial(blocks, NormKind::Running), SMALL, &device);
        let other = weights::load(other, &path).unwrap().valid();
        let given = values(other.forward(images([3, 3, 8, 8], &device)));
        let gaps = expected.iter().zip(&given).map(|(a, b)| (a - b).abs());
        let largest = gaps.fold(0.0, f64::max);
        assert!(largest > 0.0 && largest < 2e-3, "{largest}");
    }
}

#[cfg(feature = "onnx")]
#[test]
fn onnx_gives_the_same_logits_in_another_runtime() {
    use distill_models::onnx::{OnnxNetwork, to_onnx};

    let path = Path::new("network.onnx");
    for name in [
        "vgg-small",
        "vgg8",
        "resnet20",
        "resnet8x4",
        "wrn-16-2",
        "mobilenet-v2-half",
        "shufflenet-v1",
        "shufflenet-v2",
        "resnet18",
        "mobilenet-v2",
        "efficientnet-lite0",
        "mlp-1200",
    ] {
        let info = ModelInfo::named(name).unwrap();
        let [channels, height, width] =
            info.signature.image().expect("images").map(|size| size.min(64));
        let classes = info.signature.output.width();
        let signature = Signature::images([channels, height, width], classes);
        let network = build(&info.architecture(), signature, &Device::flex()).valid();
        let pixels = uniform("image", 3 * channels * height * width);
        let data = TensorData::new(pixels.clone(), [3, channels, height, width]);
        let expected = values(network.forward(Tensor::from_data(data, &Device::flex())));
        for (precision, bound) in [(Precision::Single, 1e-4), (Precision::Half, 1e-2)] {
            let bytes = to_onnx(&network, Default::default(), precision, &Default::default(), path)
                .unwrap();
            let given = OnnxNetwork::from_bytes(bytes, path).unwrap();
            let given = given.logits(&pixels, &signature).unwrap();
            let size = expected.iter().fold(1.0, |size: f64, z| size.max(z.abs()));
            for (a, b) in expected.iter().zip(&given) {
                assert!(
                    (a - f64::from(*b)).abs() < bound * size,
                    "{name}, {precision:?}: {a} and {b}"
                );
            }
        }
    }
    let batch = tutorial(Some(vec![vec![4]]), NormKind::Batch);
    let network = build(&batch, SMALL, &Device::flex());
    let error = to_onnx(&network, Default::default(), Precision::Single, &Default::default(), path)
        .unwrap_err();
    assert!(error.to_string().contains("statistics of the batch"), "{error}");
}

#[cfg(feature = "onnx")]
#[test]
fn each_opset_and_batch_gives_the_same_logits() {
    use distill_models::onnx::{OPSETS, OnnxForm, OnnxNetwork, to_onnx};

    let path = Path::new("network.onnx");
    // Together they have all operations that opsets write differently.
    for name in ["resnet20", "mobilenet-v2-half", "shufflenet-v2", "shufflenet-v1", "mlp-800"] {
        let info = ModelInfo::named(name).unwrap();
        let signature = info.signature;
        let [channels, height, width] = signature.image().expect("images");
        let network = build(&info.architecture(), signature, &Device::flex()).valid();
        let pixels = uniform("image", 3 * channels * height * width);
        let data = TensorData::new(pixels.clone(), [3, channels, height, width]);
        let expected = values(network.forward(Tensor::from_data(data, &Device::flex())));
        for (opset, batch) in OPSETS.flat_map(|opset| [(opset, None), (opset, Some(2))]) {
            let form = OnnxForm { opset, batch };
            let bytes = to_onnx(&network, form, Precision::Single, &Default::default(), path);
            let read = OnnxNetwork::from_bytes(bytes.unwrap(), path).unwrap();
            let given = read.logits(&pixels, &signature).unwrap();
            let size = expected.iter().fold(1.0, |size: f64, z| size.max(z.abs()));
            for (a, b) in expected.iter().zip(&given) {
                assert!((a - f64::from(*b)).abs() < 1e-4 * size, "{name}, {form:?}: {a} and {b}");
            }
        }
    }
    let network = build(&tutorial(Some(vec![vec![4]]), NormKind::Running), SMALL, &Device::flex());
    for (opset, batch, field) in [(8, None, "opset"), (18, None, "opset"), (17, Some(0), "batch")] {
        let form = OnnxForm { opset, batch };
        let error = to_onnx(&network, form, Precision::Single, &Default::default(), path);
        assert!(error.unwrap_err().to_string().contains(field));
    }
}

const SMALL: Signature = Signature::images([3, 8, 8], 10);

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/files").join(file)
}

/// The tutorial's network with dropout, as in the fixtures.
fn tutorial(blocks: Option<Vec<Vec<usize>>>, norm: NormKind) -> Architecture {
    let overrides = Overrides { blocks, norm: Some(norm), ..Default::default() };
    Architecture::named("vgg-large", overrides).unwrap()
}

fn load(file: &str, norm: NormKind, device: &Device) -> Result<Network, ModelError> {
    let architecture = tutorial(Some(vec![vec![4], vec![8]]), norm);
    Ok(weights::load(build(&architecture, SMALL, device), &fixture(file))?.valid())
}

fn build(architecture: &Architecture, signature: Signature, device: &Device) -> Network {
    architecture.init(&signature, &mut ChaCha8Rng::seed_from_u64(1), device).unwrap()
}

fn compare(what: &str, given: &[f64], expected: &[Vec<f64>]) {
    let expected: Vec<f64> = expected.iter().flatten().copied().collect();
    assert_eq!(given.len(), expected.len(), "{what}");
    let spread = expected.iter().fold(0.0, |spread: f64, z| spread.max(z.abs()));
    for (a, b) in given.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-4_f64.min(1e-3 * spread), "{what}: {a}, PyTorch {b}");
    }
}

fn images(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let numbers = uniform("image", shape.iter().product());
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// The numbers of a tensor of this name, as `reference.py` computes them.
fn numbers(name: &str, shape: &[usize]) -> Vec<f32> {
    let fan_in: usize = shape[1..].iter().product();
    let bound = (3.0 / fan_in as f64).sqrt() as f32;
    let mut numbers = uniform(name, shape.iter().product());
    for u in &mut numbers {
        *u = match name {
            _ if shape.len() > 1 => *u * bound,
            _ if name.ends_with("running_var") => 1.0 + 0.5 * u.abs(),
            _ if name.ends_with("weight") => 1.0 + 0.25 * *u,
            _ => 0.125 * *u,
        };
    }
    numbers
}

/// Numbers in [-1, 1) from a name: FNV-1a of it seeds splitmix64; 24 bits are exact in `f32`.
fn uniform(name: &str, count: usize) -> Vec<f32> {
    let mut seed = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        seed = (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    (1..=count as u64).map(|index| splitmix64(seed, index)).collect()
}

/// The number of this index, in [-1, 1).
fn splitmix64(seed: u64, index: u64) -> f32 {
    let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    (z >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
}
