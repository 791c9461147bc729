//! Sizes of the literature, shapes of the taps, and what a norm depends on, on every CPU backend.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use distill_models::{
    Architecture, MODELS, ModelError, ModelInfo, Network, NormKind, OutputSpec, Overrides,
    Shortcut, Signature,
    weights::{self, Precision},
};
use distill_testkit::{cpu_devices, values};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

const RGB32: Signature = Signature::images([3, 32, 32], 10);
const GREY28: Signature = Signature::images([1, 28, 28], 10);

#[test]
fn parameter_counts_are_those_of_the_literature() {
    // For the images and classes of `ModelInfo::signature`. Counted by PyTorch where papers round.
    let cases = [
        ("vgg-large", 14_728_266),
        ("vgg-small", 437_034),
        ("resnet20", 269_722),
        ("resnet32", 464_154),
        ("resnet44", 658_586),
        ("resnet56", 853_018),
        ("resnet110", 1_727_962),
        ("resnet8x4", 1_233_540),
        ("resnet32x4", 7_433_860),
        ("wrn-16-2", 703_284),
        ("wrn-40-1", 569_780),
        ("wrn-40-2", 2_255_156),
        ("vgg8", 3_965_028),
        ("vgg11", 9_277_284),
        ("vgg13", 9_462_180),
        ("mobilenet-v2-half", 812_836),
        ("shufflenet-v1", 949_258),
        ("shufflenet-v2", 1_355_528),
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("resnet18-cifar", 11_173_962),
        ("resnet34-cifar", 21_282_122),
        ("resnet50-cifar", 23_520_842),
        ("densenet121", 7_978_856),
        ("densenet169", 14_149_480),
        ("densenet201", 20_013_928),
        ("mobilenet-v2", 3_504_872),
        ("efficientnet-lite0", 4_652_008),
        ("efficientnet-lite2", 6_092_072),
        ("mlp-1200", 2_395_210),
        ("mlp-800", 1_276_810),
    ];
    assert_eq!(
        cases.map(|(name, _)| name).as_slice(),
        MODELS.iter().map(|m| m.name).collect::<Vec<_>>()
    );
    for (name, expected) in cases {
        let info = ModelInfo::named(name).unwrap();
        let cost = info.architecture().cost(&info.signature).unwrap();
        assert_eq!(cost.parameters, expected, "{name}");
    }
    // RepDistiller's own, with shortcut B and a hundred classes.
    let shortcut = Some(Shortcut::B);
    for (name, expected) in [
        ("resnet20", 278_324),
        ("resnet32", 472_756),
        ("resnet56", 861_620),
        ("resnet110", 1_736_564),
    ] {
        let overrides = Overrides { shortcut, ..Default::default() };
        let architecture = Architecture::named(name, overrides).unwrap();
        let signature = Signature::images([3, 32, 32], 100);
        assert_eq!(architecture.cost(&signature).unwrap().parameters, expected, "{name}, B");
    }
}

#[test]
fn the_module_has_the_parameters_that_are_counted() {
    let device = Device::flex();
    for name in
        ["vgg-small", "resnet20", "wrn-16-2", "mobilenet-v2-half", "shufflenet-v2", "mlp-800"]
    {
        let info = ModelInfo::named(name).unwrap();
        for norm in [NormKind::Running, NormKind::Batch] {
            let overrides = Overrides { norm: Some(norm), ..Default::default() };
            let Ok(architecture) = Architecture::named(name, overrides) else {
                assert_eq!(name, "mlp-800", "only perceptrons have no norm");
                continue;
            };
            let network = build(&architecture, info.signature, &device);
            let expected = architecture.cost(&info.signature).unwrap().parameters;
            assert_eq!(trainable(&network), expected, "{name}, {norm:?}");
        }
    }
}

#[test]
fn multiply_accumulates_follow_from_the_layers() {
    let vgg = Overrides { blocks: Some(vec![vec![4], vec![8]]), ..Default::default() };
    let vgg = Architecture::named("vgg-small", vgg).unwrap();
    let signature = Signature::images([3, 8, 8], 5);
    assert_eq!(vgg.cost(&signature).unwrap().macs, 3 * 4 * 9 * 64 + 4 * 8 * 9 * 16 + 8 * 5);
}

#[test]
fn logits_and_taps_have_their_shapes() {
    for (backend, device) in cpu_devices() {
        let network = small(NormKind::Running, &device).valid();
        for side in [4, 7, 9] {
            let images = Tensor::zeros([2, 3, side, side], &device);
            let (logits, taps) = network.forward_with_features(images.clone());
            assert_eq!(logits.dims(), [2, 10], "{backend}");
            let shapes: Vec<_> = taps.iter().map(|t| (t.name.as_str(), t.values.dims())).collect();
            let expected =
                [("block1", [2, 4, side / 2, side / 2]), ("block2", [2, 8, side / 4, side / 4])];
            assert_eq!(shapes, expected, "{backend}");
            assert_eq!(values(network.forward(images)), values(logits), "{backend}");
        }
    }
}

#[test]
fn one_generator_gives_the_same_answers_on_every_backend() {
    let mut answers = Vec::new();
    for (_, device) in cpu_devices() {
        let network = small(NormKind::Running, &device).valid();
        answers.push(values(network.forward(images(3, &device))));
    }
    for (a, b) in answers[0].iter().zip(&answers[1]) {
        assert!((a - b).abs() < 1e-5, "{a} and {b}");
    }
}

/// Every step of every family passes gradients on: all parameters get one, and it is a number.
#[test]
fn every_family_trains() {
    let device = Device::flex();
    for name in [
        "vgg-large",
        "resnet20",
        "resnet8x4",
        "wrn-16-2",
        "vgg8",
        "mobilenet-v2-half",
        "shufflenet-v1",
        "shufflenet-v2",
        "resnet18",
        "mobilenet-v2",
        "mlp-1200",
    ] {
        let info = ModelInfo::named(name).unwrap();
        let signature = match info.signature {
            large if large.image().is_some_and(|[_, height, _]| height > 32) => RGB32,
            small => small,
        };
        let network = build(&info.architecture(), signature, &device).train();
        let [channels, height, width] = signature.image().expect("images");
        let count = 4 * channels * height * width;
        let values: Vec<f32> = (0..count).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
        let images = TensorData::new(values, [4, channels, height, width]);
        let images = Tensor::<4>::from_data(images, &device).autodiff();
        let loss = network.forward(images).powi_scalar(2).mean();
        let gradients = GradientsParams::from_grads(loss.backward(), &network);
        let mut check = Gradients { gradients, seen: 0, running: 0, zero: 0 };
        network.visit(&mut check);
        assert!(
            check.seen > 0 && check.zero == 0,
            "{name}: {} of {} are zero",
            check.zero,
            check.seen
        );
        let (trained, running) = entries(&network);
        assert_eq!((check.seen, check.running), (trained, running), "{name}: who has a gradient");
    }
}

/// Tensors in a network's file that are trained, and those that are averages.
fn entries(network: &Network) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.bpk");
    std::fs::write(&path, weights::to_bytes(network, Precision::Single, &path).unwrap()).unwrap();
    let table = weights::table(&path).unwrap();
    let running = table.iter().filter(|info| info.name.contains(".running_")).count();
    (table.len() - running, running)
}

struct Gradients {
    gradients: GradientsParams,
    seen: usize,
    running: usize,
    zero: usize,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let Some(gradient) = self.gradients.get::<D>(param.id) else {
            self.running += 1;
            return;
        };
        self.seen += 1;
        let sum = gradient.abs().sum().into_scalar::<f32>();
        assert!(sum.is_finite(), "a gradient that is no number");
        self.zero += usize::from(sum == 0.0);
    }
}

/// The reason why running statistics are the default.
#[test]
fn only_batch_statistics_make_an_answer_depend_on_its_neighbours() {
    let device = Device::flex();
    for (norm, depends) in [(NormKind::Running, false), (NormKind::Batch, true)] {
        let network = small(norm, &device).valid();
        let all = values(network.forward(images(3, &device)))[..10].to_vec();
        let alone = values(network.forward(images(3, &device).narrow(0, 0, 1)));
        let gap = all.iter().zip(&alone).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert_eq!(gap > 1e-3, depends, "{norm:?}: {gap}");
    }
}

#[test]
fn running_statistics_learn_from_training_alone() {
    let device = Device::flex();
    let network = small(NormKind::Running, &device).train();
    let images = images(8, &device);
    let before = values(network.valid().forward(images.clone()));
    assert_eq!(
        values(network.valid().forward(images.clone())),
        before,
        "evaluation changes nothing"
    );
    network.forward(images.clone().autodiff());
    assert_ne!(values(network.valid().forward(images)), before, "a training pass does");
}

#[test]
fn dropout_works_in_training_and_stops_in_evaluation() {
    let device = Device::flex();
    let architecture = Architecture::named("mlp-1200", Overrides::default()).unwrap();
    let network = build(&architecture, GREY28, &device);
    let images = Tensor::ones([1, 1, 28, 28], &device);
    let evaluate = || values(network.valid().forward(images.clone()));
    assert_eq!(evaluate(), evaluate());
    let training = network.clone().train();
    let train = || values(training.forward(images.clone().autodiff()));
    assert_ne!(train(), train());
}

#[test]
fn weights_survive_a_file_and_refuse_another_network() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("small.bpk");
    for (backend, device) in cpu_devices() {
        let network = small(NormKind::Running, &device).train();
        network.forward(images(8, &device).autodiff());
        let expected = values(network.valid().forward(images(3, &device)));
        std::fs::write(&path, weights::to_bytes(&network, Precision::Single, &path).unwrap())
            .unwrap();
        let loaded = weights::load(small_from(NormKind::Running, 9, &device), &path).unwrap();
        assert_eq!(values(loaded.valid().forward(images(3, &device))), expected, "{backend}");

        let other = weights::load(small(NormKind::Batch, &device), &path);
        let other = other.unwrap_err();
        assert!(matches!(other, ModelError::Mismatch { .. }), "{backend}");
        let text = other.to_string();
        assert!(text.contains("4 unused: layers.1.running_mean"), "{text}");
        assert!(text.contains("hint: its norms keep running statistics"), "{text}");
    }
    std::fs::write(&path, b"not weights").unwrap();
    let damaged = weights::load(small(NormKind::Running, &Device::flex()), &path);
    assert!(damaged.unwrap_err().to_string().contains("small.bpk"));
    assert!(weights::load(small(NormKind::Running, &Device::flex()), "none.bpk".as_ref()).is_err());
}

#[test]
fn what_a_network_cannot_be_is_refused_by_field() {
    let refused = |name: &str, overrides: Overrides, signature: Signature| {
        Architecture::named(name, overrides)
            .and_then(|a| a.check(&signature))
            .expect_err("out of range")
            .to_string()
    };
    let none = Overrides::default();
    assert!(refused("vgg-medium", none.clone(), RGB32).contains("vgg-small"));
    assert!(refused("vgg-small", none.clone(), GREY28).contains("5 blocks on a 28x28 image"));
    let cases = [
        ("vgg-small", Overrides { dropout: Some(1.0), ..none.clone() }, "`dropout` is `1.0`"),
        ("vgg-small", Overrides { dropout: Some(f64::NAN), ..none.clone() }, "`dropout` is `NaN`"),
        ("vgg-small", Overrides { blocks: Some(vec![vec![]]), ..none.clone() }, "`blocks`"),
        ("vgg-small", Overrides { blocks: Some(vec![vec![0]]), ..none.clone() }, "`blocks`"),
        ("vgg-small", Overrides { hidden: Some(vec![3]), ..none.clone() }, "`hidden`"),
        ("mlp-800", Overrides { hidden: Some(vec![]), ..none.clone() }, "`hidden`"),
        ("mlp-800", Overrides { norm: Some(NormKind::Batch), ..none.clone() }, "`norm`"),
        ("resnet18", Overrides { dropout: Some(0.1), ..none.clone() }, "`dropout`"),
        ("vgg8", Overrides { shortcut: Some(Shortcut::A), ..none.clone() }, "`shortcut` is `a`"),
    ];
    for (name, overrides, expected) in cases {
        let error = refused(name, overrides, RGB32);
        assert!(error.contains(expected), "{error}, expected {expected}");
    }
    assert!(refused("mlp-800", none, Signature::images([3, 32, 32], 1)).contains("2 classes"));
}

fn small(norm: NormKind, device: &Device) -> Network {
    small_from(norm, 1, device)
}

fn small_from(norm: NormKind, seed: u64, device: &Device) -> Network {
    let blocks = Some(vec![vec![4], vec![8]]);
    let overrides = Overrides { blocks, norm: Some(norm), ..Default::default() };
    let architecture = Architecture::named("vgg-small", overrides).unwrap();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let signature = Signature::images([3, 8, 8], 10);
    architecture.init(&signature, &mut rng, device).unwrap()
}

fn build(architecture: &Architecture, signature: Signature, device: &Device) -> Network {
    architecture.init(&signature, &mut ChaCha8Rng::seed_from_u64(1), device).unwrap()
}

fn images(count: usize, device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..count * 192).map(|i| (i * 37 % 101) as f32 / 50.0 - 1.0).collect();
    Tensor::from_data(TensorData::new(values, [count, 3, 8, 8]), device)
}

/// Numbers that an optimizer may change: running statistics are in the module but not among them.
fn trainable(network: &Network) -> u64 {
    struct Count(u64, Vec<String>);
    impl ModuleVisitor for Count {
        fn enter_module(&mut self, name: &str, _: &str) {
            self.1.push(name.to_owned());
        }
        fn exit_module(&mut self, _: &str, _: &str) {
            self.1.pop();
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if !self.1.iter().any(|name| name.starts_with("running_")) {
                self.0 += param.lazy_shape().num_elements() as u64;
            }
        }
    }
    let mut count = Count(0, Vec::new());
    network.visit(&mut count);
    count.0
}

#[test]
fn a_network_with_more_classes_starts_as_the_one_it_grew_from() {
    let device = Device::flex();
    for (name, signature) in [("vgg-small", RGB32), ("mlp-800", GREY28)] {
        let architecture = Architecture::named(name, Overrides::default()).unwrap();
        let made = |seed, classes| {
            let signature = Signature { output: OutputSpec::Classes(classes), ..signature };
            architecture.init(&signature, &mut ChaCha8Rng::seed_from_u64(seed), &device).unwrap()
        };
        let (small, own) = (made(1, 10), made(2, 12));
        let grown = own.clone().grown_from(&small).unwrap();
        let [channels, height, width] = signature.image().expect("images");
        let shape = [2, channels, height, width];
        let images = Tensor::<4>::full(shape, 0.3, &device);
        let logits = grown.forward(images.clone());
        let old = logits.clone().slice([0..2, 0..10]);
        for (a, b) in values(old).iter().zip(values(small.forward(images))) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
        assert!(values(logits.slice([0..2, 10..12])).iter().all(|z| z.is_finite()));
        let error = small.grown_from(&own).unwrap_err().to_string();
        assert!(error.contains("the layers of the network"), "{error}");
    }
}
