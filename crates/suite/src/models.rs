//! Every network's logits and gradients, from the same weights and images.

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Gradients, Int, Tensor},
};
use distill_datasets::keyed::{KeyedRng, Operation};
use distill_models::{Architecture, MODELS, ModelInfo, Network, Overrides, Signature};
use distill_objective::{CrossEntropyConfig, Objective, Signals, TermConfig};
use distill_testkit::{matrix, relative_l2, synthetic_logits, values};

use crate::{Context, item::Item};

const BATCH: usize = 8;
/// Large images are cut to this size, which leaves the last norms something to take a variance of.
const LARGEST: usize = 64;
/// What logits may be off by at the least.
const LOGITS: f64 = 1e-5;
/// What gradients may: a ReLU that flips with the last digit takes its path with it, one in a hundred as a rule, while
/// a wrong gradient is off by its own size.
const GRADIENTS: f64 = 5e-2;
/// Where rounding flips a ReLU, gradients jump: they may be off by so many times what rounded images do to them.
const SLACK: f64 = 10.0;
/// A rounded image differs by about this share.
const ROUNDING: f64 = 1e-7;

/// The smallest network of each family.
const FAMILIES: [&str; 9] = [
    "vgg-small",
    "resnet20",
    "resnet8x4",
    "wrn-16-2",
    "mobilenet-v2-half",
    "shufflenet-v1",
    "shufflenet-v2",
    "resnet18",
    "mlp-800",
];

pub(crate) fn run(context: &Context) -> anyhow::Result<Vec<Item>> {
    let mut items = Vec::new();
    let all = !context.families;
    for info in MODELS.iter().filter(|info| all || FAMILIES.contains(&info.name)) {
        let ours = Answers::of(info, &context.device, 0.0)?;
        let expected = Answers::of(info, &context.flex, 0.0)?;
        let [more, less] = [ROUNDING, -ROUNDING];
        let rounded =
            [Answers::of(info, &context.flex, more)?, Answers::of(info, &context.flex, less)?];
        let mut compare = |what: &str, least: f64, of: fn(&Answers) -> &Vec<f64>| {
            let changes = rounded.iter().map(|rounded| relative_l2(of(rounded), of(&expected)));
            let allowed = changes.map(|change| SLACK * change).fold(least, f64::max);
            let name = format!("{}, {what}", info.name);
            items.push(Item::of(name, of(&ours), of(&expected), allowed));
        };
        compare("evaluation", LOGITS, |answers| &answers.evaluated);
        compare("training", LOGITS, |answers| &answers.trained);
        compare("gradients", GRADIENTS, |answers| &answers.gradients);
        context.done(info.name);
    }
    Ok(items)
}

struct Answers {
    /// Logits in evaluation mode, with running statistics.
    evaluated: Vec<f64>,
    /// Logits in training mode, with those of the batch.
    trained: Vec<f64>,
    gradients: Vec<f64>,
}

impl Answers {
    /// Of images of which every other pixel is changed by a share.
    fn of(info: &ModelInfo, device: &Device, change: f64) -> anyhow::Result<Self> {
        let (network, signature) = network(info, device)?;
        let images = images(&signature, change, device);
        let evaluated = values(network.forward(images.clone()));
        let network = network.train();
        let trained = values(network.forward(images.clone().autodiff()).without_autodiff());
        let loss = loss(&network, images)?;
        let gradients = gradients(&network, &loss.backward());
        Ok(Self { evaluated, trained, gradients })
    }
}

/// The named network for small images, without dropout, whose masks are the backend's own.
pub(crate) fn network(info: &ModelInfo, device: &Device) -> anyhow::Result<(Network, Signature)> {
    let none = Some(0.0);
    let overrides = [
        Overrides { dropout: none, input_dropout: none, ..Default::default() },
        Overrides { dropout: none, ..Default::default() },
        Overrides::default(),
    ];
    let named = overrides.map(|overrides| Architecture::named(info.name, overrides));
    let architecture = named.into_iter().find_map(Result::ok).expect("a network of the list");
    let small = |size: usize| size.min(LARGEST);
    let [channels, height, width] = info.signature.image().expect("a network of images");
    let classes = info.signature.output.width();
    let signature = Signature::images([channels, small(height), small(width)], classes);
    let mut rng = KeyedRng::new(1, 0, 0, Operation::Weights);
    Ok((architecture.init(&signature, &mut rng, device)?.map(&mut Loud), signature))
}

/// Convolutions whose outputs are as large as their inputs, He et al. 2015 (arXiv:1502.01852), equation 10. With
/// smaller weights and statistics that are not learnt yet nothing would reach the classifier of a deep network, and of
/// its logits the bias alone would be compared.
struct Loud;

impl ModuleMapper for Loud {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D != 4 {
            return param;
        }
        param.map(|weight| {
            let inputs: usize = weight.dims()[1..].iter().product();
            let squares: Vec<f64> = values(weight.clone()).iter().map(|w| w * w).collect();
            let deviation = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
            weight * ((2.0 / inputs as f64).sqrt() / deviation)
        })
    }
}

/// The same images everywhere, `[8, channels, height, width]`.
pub(crate) fn images(signature: &Signature, change: f64, device: &Device) -> Tensor<4> {
    let [channels, height, width] = signature.image().expect("a network of images");
    let mut pixels = synthetic_logits(BATCH, channels * height * width, 3);
    for pixel in pixels.iter_mut().flat_map(|row| row.iter_mut().step_by(2)) {
        *pixel *= 1.0 + change;
    }
    matrix(&pixels, device).reshape([BATCH, channels, height, width])
}

/// Cross-entropy of the first classes, with a graph of gradients.
pub(crate) fn loss(network: &Network, images: Tensor<4>) -> anyhow::Result<Tensor<1>> {
    let images = images.autodiff();
    let labels = Tensor::<1, Int>::from_data([0, 1, 2, 3, 4, 5, 6, 7], &images.device());
    let signals = Signals::new(network.forward(images), labels)?;
    let objective = Objective::new(&[TermConfig::CrossEntropy(CrossEntropyConfig::default())])?;
    Ok(objective.evaluate(&signals)?.total)
}

/// Gradients of all weights, one after the other.
fn gradients(network: &Network, gradients: &Gradients) -> Vec<f64> {
    struct Read<'a>(&'a Gradients, Vec<f64>);
    impl ModuleVisitor for Read<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.1.extend(param.grad(self.0).map(values).into_iter().flatten());
        }
    }
    let mut read = Read(gradients, Vec::new());
    network.visit(&mut read);
    read.1
}

/// All weights and running statistics, one after the other.
pub(crate) fn weights(network: &Network) -> Vec<f64> {
    struct Read(Vec<f64>);
    impl ModuleVisitor for Read {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.0.extend(values(param.val().without_autodiff()));
        }
    }
    let mut read = Read(Vec::new());
    network.visit(&mut read);
    read.0
}
