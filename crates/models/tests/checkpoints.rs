//! Checkpoints as people save them: what lies beside the weights, wrappers, several networks, weights in parts, other
//! last layers. The files are those of `pytorch/reference.py`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::path::{Path, PathBuf};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use distill_models::{
    Architecture, ModelError, Network, Overrides, Shortcut, Signature,
    weights::{self, Precision},
};
use distill_testkit::values;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::Deserialize;

#[derive(Deserialize)]
struct Reference {
    files: Files,
}

#[derive(Deserialize)]
struct Files {
    logits: Vec<Vec<f64>>,
    parametrised_logits: Vec<Vec<f64>>,
}

#[test]
fn weights_are_found_among_anything_and_below_any_wrapper() {
    let expected = reference().logits;
    for file in
        ["beside.pt", "beside-legacy.pth", "wrapped.pt", "other-head.pt", "parts.pt", "script.pt"]
    {
        assert_logits(load(file, None).unwrap(), &expected, file);
    }
}

#[test]
fn one_of_several_networks_is_chosen_by_a_part_of_its_place() {
    let error = load("several.pt", None).unwrap_err().to_string();
    for part in [
        "under `model._fsdp_wrapped_module.`, `model_ema.module.` and `pair.teacher.`",
        "--weights-key pair.teacher",
        "weights_key = \"pair.teacher\"",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let expected = reference().logits;
    for key in ["model", "model_ema", "model_ema.module", "model_ema.", "_fsdp_wrapped_module"] {
        assert_logits(load("several.pt", Some(key)).unwrap(), &expected, key);
    }
    for key in ["pair", "teacher", "pair.teacher"] {
        let logits = logits(load("several.pt", Some(key)).unwrap());
        assert!(logits.iter().all(|logit| *logit == 0.0), "{key}: its weights are zeros");
    }
    let error = load("several.pt", Some("ema")).unwrap_err().to_string();
    assert!(error.contains("none of this network's weights under the key `ema`"), "{error}");
    assert!(error.contains("`model_ema.module.`"), "{error}");
    assert_logits(load("state.pt", Some(".")).unwrap(), &expected, "the top level");
}

#[test]
fn weights_in_parts_are_computed() {
    let network = load("parametrised.pt", None).unwrap();
    assert_logits(network, &reference().parametrised_logits, "parametrised.pt");
}

#[test]
fn what_cannot_be_read_says_why_and_what_to_do() {
    for (file, problems) in [
        ("neck.pt", ["3 unused: net.head.1.bias, net.head.1.weight, net.neck.weight", "ONNX"]),
        ("arrays.pt", ["14 missing: layers.1.weight", "hint: it holds numpy arrays"]),
        ("plain.pkl", ["expected floating point numbers", "hint: `pickle.dump` wrote it"]),
        ("quantised.pt", ["`fc.weight` is of type quantised tensor", "floating point numbers"]),
    ] {
        let error = load(file, None).unwrap_err().to_string();
        for problem in problems {
            assert!(error.contains(problem), "{file}: {error}");
        }
    }
}

#[test]
fn the_stem_for_cifar_is_read_in_all_public_names() {
    let names: [&[(&str, &str)]; 2] = [
        &[(".downsample.", ".shortcut."), ("fc.", "linear.")],
        &[
            (".downsample.", ".shortcut."),
            (".conv1.", ".residual_function.0."),
            (".bn1.", ".residual_function.1."),
            (".conv2.", ".residual_function.3."),
            (".bn2.", ".residual_function.4."),
            ("bn1.", "conv1.1."),
            ("layer1.", "conv2_x."),
            ("layer2.", "conv3_x."),
            ("layer3.", "conv4_x."),
            ("layer4.", "conv5_x."),
        ],
    ];
    let own = network("resnet18-cifar", SMALL);
    let expected = logits(own.clone());
    for names in names {
        let renamed = saved(&own, |name| {
            // weiaicunzai's stem is a sequence.
            let stem = name == "conv1.weight" && names.len() > 2;
            let start = if stem { "conv1.0.weight" } else { name };
            let name = names.iter().fold(start.to_owned(), |name, (ours, theirs)| {
                match name.strip_prefix(ours) {
                    Some(rest) => format!("{theirs}{rest}"),
                    None if ours.starts_with('.') => name.replace(ours, theirs),
                    None => name,
                }
            });
            Some(name)
        });
        let network = weights::load(network("resnet18-cifar", SMALL), &renamed).unwrap();
        assert_eq!(logits(network), expected, "{names:?}");
    }
}

#[test]
fn a_last_layer_may_have_another_name_or_no_bias() {
    let own = network("resnet20", SMALL);
    let expected = logits(own.clone());
    for head in ["classifier.", "head.fc.", "fc.1.", "cls_head."] {
        let file = saved(&own, |name| Some(name.replace("linear.", head)));
        let loaded = weights::load(network("resnet20", SMALL), &file).unwrap();
        assert_eq!(logits(loaded), expected, "{head}");
    }
    let file = saved(&own, |name| (name != "linear.bias").then(|| name.to_owned()));
    let without = logits(weights::load(own, &file).unwrap());
    let steps: Vec<f64> = without.iter().zip(&expected).map(|(a, b)| b - a).collect();
    assert!(steps.chunks(10).all(|row| row.iter().zip(&steps).all(|(a, b)| (a - b).abs() < 1e-5)));
    assert!(steps.iter().any(|step| step.abs() > 1e-3), "the bias was not zero");
}

#[test]
fn a_misfit_of_the_first_or_last_layer_has_its_hint() {
    let b = Overrides { shortcut: Some(Shortcut::B), ..Default::default() };
    let b = build(&Architecture::named("resnet20", b).unwrap(), SMALL);
    let hundred = Signature::images([3, 8, 8], 100);
    let grey = Signature::images([1, 8, 8], 10);
    let large = Signature::images([3, 32, 32], 10);
    for (model, signature, file, hint) in [
        ("resnet20", SMALL, network("resnet20", grey), "set `channels = 1` in `[data]`"),
        ("resnet20", SMALL, b, "its shortcuts have weights, set `shortcut` to `b`"),
        ("resnet20", SMALL, network("resnet20", hundred), "it tells 100 classes apart and 10"),
        ("resnet18", large, network("resnet18-cifar", large), "such as `resnet18-cifar`"),
        ("resnet18-cifar", large, network("resnet18", large), "without `-cifar`, such as"),
    ] {
        let file = saved(&file, |name| Some(name.to_owned()));
        let error = weights::load(network(model, signature), &file).unwrap_err();
        assert!(error.to_string().contains(hint), "{model}: {error}");
    }
}

const SMALL: Signature = Signature::images([3, 8, 8], 10);

fn reference() -> Files {
    let reference: Reference = serde_json::from_str(include_str!("pytorch/logits.json")).unwrap();
    reference.files
}

/// The network of `pytorch/reference.py`, from one of its files.
fn load(file: &str, key: Option<&str>) -> Result<Network, ModelError> {
    let overrides = Overrides { blocks: Some(vec![vec![4], vec![8]]), ..Default::default() };
    let architecture = Architecture::named("vgg-large", overrides).unwrap();
    let path: PathBuf =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pytorch/files").join(file);
    weights::load_from(build(&architecture, SMALL), &path, key)
}

fn network(model: &str, signature: Signature) -> Network {
    build(&Architecture::named(model, Overrides::default()).unwrap(), signature)
}

fn build(architecture: &Architecture, signature: Signature) -> Network {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    architecture.init(&signature, &mut rng, &Device::flex()).unwrap()
}

/// A file of a network's weights under other names, or without some.
fn saved(network: &Network, rename: impl Fn(&str) -> Option<String>) -> tempfile::TempPath {
    let file = tempfile::NamedTempFile::new().unwrap();
    let own = weights::to_safetensors(network, Precision::Single, Default::default(), file.path());
    let own = own.unwrap();
    let tensors = SafeTensors::deserialize(&own).unwrap();
    let views = tensors.tensors().into_iter().filter_map(|(name, view)| {
        Some((rename(&name)?, view.shape().to_vec(), view.data().to_vec()))
    });
    let held: Vec<(String, Vec<usize>, Vec<u8>)> = views.collect();
    let views = held.iter().map(|(name, shape, bytes)| {
        (name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    std::fs::write(file.path(), safetensors::serialize(views, None).unwrap()).unwrap();
    file.into_temp_path()
}

fn logits(network: Network) -> Vec<f64> {
    let images = Tensor::<4>::from_data(
        TensorData::new(uniform("image", 3 * 3 * 8 * 8), [3, 3, 8, 8]),
        &Device::flex(),
    );
    values(network.valid().forward(images))
}

fn assert_logits(network: Network, expected: &[Vec<f64>], what: &str) {
    let expected: Vec<f64> = expected.iter().flatten().copied().collect();
    let given = logits(network);
    assert_eq!(given.len(), expected.len(), "{what}");
    for (a, b) in given.iter().zip(&expected) {
        assert!((a - b).abs() < 1e-4, "{what}: {a}, PyTorch {b}");
    }
}

/// Numbers in [-1, 1) from a name, as `reference.py` computes them.
fn uniform(name: &str, count: usize) -> Vec<f32> {
    let mut seed = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        seed = (seed ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let number = |index: u64| {
        let mut z = seed.wrapping_add(index.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    (1..=count as u64).map(number).collect()
}
