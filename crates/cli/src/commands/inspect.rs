//! What a network consists of, or a file of weights.

use std::path::Path;

use anyhow::Context;
use distill_driver::{DriverError, ModelCard};
use distill_models::{
    Cost, Graph, InputSpec, LayerInfo, ModelInfo, OutputSpec,
    onnx::OnnxNetwork,
    weights::{self, TensorInfo},
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{SCHEMA, network::refused, print_json};
use crate::{
    arguments::{InspectArguments, NetworkArguments},
    output::{Table, prose, result, thousands},
};

/// `inspect`: a network, or a file of which nothing but its tensors is known.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum Inspected {
    Network(Network),
    File(Tensors),
}

/// A network, by name or of a file.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Network {
    /// Version of this layout: 1.
    schema: u32,
    /// Name of the network.
    model: String,
    /// Shape of an image, `[channels, height, width]`.
    input: [usize; 3],
    /// Number of classes.
    classes: usize,
    /// Trainable numbers.
    parameters: u64,
    /// Multiply-accumulates for one image.
    macs: u64,
    /// Size of the file of weights, which is this network's; null of a name.
    bytes: Option<u64>,
    /// Its steps, from input to logits.
    layers: Vec<Layer>,
    /// Features that losses can take, behind activations.
    taps: Vec<Tap>,
    /// The same in front of activations.
    taps_before_activation: Vec<Tap>,
}

/// One step of a network.
#[derive(Debug, Serialize, JsonSchema)]
struct Layer {
    /// Name in PyTorch's manner; empty for a step without parameters.
    name: String,
    /// What it does: `conv`, `batch norm`, `linear`, `relu` and so on.
    kind: &'static str,
    /// Shape of its result, `[channels, height, width]`.
    shape: [usize; 3],
    /// Trainable numbers.
    parameters: u64,
    /// Their bytes in `f32`.
    bytes: u64,
    /// Multiply-accumulates for one image.
    macs: u64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tap {
    /// Name in recipes.
    name: String,
    /// Its shape for one image, `[channels, height, width]`.
    shape: [usize; 3],
}

/// A file whose network is not known.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Tensors {
    /// Version of this layout: 1.
    schema: u32,
    /// The file.
    file: String,
    /// Numbers of all tensors.
    numbers: usize,
    /// Every tensor of the file.
    tensors: Vec<Tensor>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Tensor {
    /// Name in the file.
    name: String,
    /// Type of its numbers.
    kind: String,
    /// Its shape.
    shape: Vec<usize>,
}

pub(crate) fn execute(arguments: &InspectArguments) -> anyhow::Result<()> {
    let InspectArguments { what, network, classes, json } = arguments;
    let path = Path::new(what);
    let is_name = ModelInfo::named(what).is_ok();
    if !is_name && !path.is_file() {
        let error = ModelInfo::named(what).map(|_| ()).expect_err("no such name");
        return Err(refused(path, format!("no such file, and {error}")).into());
    }
    let of_file = [network.model.is_some(), network.mean.is_some(), network.weights_key.is_some()];
    if is_name && of_file.contains(&true) {
        let problem = format!(
            "`{what}` and `--model`, `--mean` or `--weights-key`, expected the name of a network alone"
        );
        return Err(refused(path, problem).into());
    }
    let card = if is_name { None } else { ModelCard::beside(path)? };
    let model = if is_name { Some(what) } else { network.model.as_ref() };
    let (name, graph) = match (card, model) {
        (Some(_), None) if !network.is_empty() || classes.is_some() => {
            let problem = "options and a `model.json` beside it, expected one of them".to_owned();
            return Err(refused(path, problem).into());
        }
        (Some(card), None) => {
            let graph = card.architecture.graph(&card.signature).map_err(DriverError::from)?;
            (card.model, graph)
        }
        (Some(_), Some(model)) => {
            let problem = format!("`--model {model}` and a `model.json` beside it");
            return Err(refused(path, problem).into());
        }
        (None, Some(model)) => {
            let mut signature = ModelInfo::named(model).map_err(DriverError::from)?.signature;
            if let Some(classes) = classes {
                signature.output = OutputSpec::Classes(*classes as usize);
            }
            if let (Some(side), InputSpec::Image { height, width, .. }) =
                (network.size, &mut signature.input)
            {
                (*height, *width) = (side.into(), side.into());
            }
            let architecture = network.architecture(model)?;
            (model.clone(), architecture.graph(&signature).map_err(DriverError::from)?)
        }
        (None, None) if distill_driver::is_onnx(path) => {
            let problem = "an ONNX file says nothing of its images, expected `--model`".to_owned();
            return Err(refused(path, problem).into());
        }
        (None, None)
            if !network.is_empty() || classes.is_some() || network.weights_key.is_some() =>
        {
            let problem = "options without `--model`, expected both or none".to_owned();
            return Err(refused(path, problem).into());
        }
        (None, None) => return tensors(path, *json),
    };
    if !is_name {
        check(&graph, path, network)?;
    }
    let bytes = if is_name { None } else { std::fs::metadata(path).ok().map(|meta| meta.len()) };
    let verdict = match distill_driver::is_onnx(path) {
        true => "and it takes and gives what this network does",
        false => "and it is this network's",
    };
    show(name, &graph, bytes.map(|bytes| (bytes, verdict)), *json)
}

/// Whether a file is this network's: its names and shapes, or, of an ONNX file, what it takes and gives.
fn check(graph: &Graph, path: &Path, network: &NetworkArguments) -> Result<(), DriverError> {
    if !distill_driver::is_onnx(path) {
        return Ok(weights::check(graph, path, network.weights_key.as_deref())?);
    }
    network.no_key(path)?;
    let signature = graph.signature();
    let pixels = signature.image().map_or(0, |shape| shape.iter().product());
    OnnxNetwork::load(path)?.logits(&vec![0.0; pixels], signature)?;
    Ok(())
}

fn show(name: String, graph: &Graph, file: Option<(u64, &str)>, json: bool) -> anyhow::Result<()> {
    let signature = graph.signature();
    let Cost { parameters, macs } = graph.cost();
    let (before, behind): (Vec<_>, Vec<_>) =
        graph.taps().partition(|(name, _)| name.ends_with(".preact"));
    let taps = |taps: Vec<(&str, [usize; 3])>| {
        taps.into_iter().map(|(name, shape)| Tap { name: name.to_owned(), shape }).collect()
    };
    let network = Network {
        schema: SCHEMA,
        model: name,
        input: signature.image().context("it takes no images")?,
        classes: signature.classes().context("it is no classifier")?,
        parameters,
        macs,
        bytes: file.map(|(bytes, _)| bytes),
        layers: graph.layers().map(Layer::of).collect(),
        taps: taps(behind),
        taps_before_activation: taps(before),
    };
    match json {
        true => print_json(&Inspected::Network(network))?,
        false => print(&network, &signature.to_string(), file),
    }
    Ok(())
}

fn print(network: &Network, signature: &str, file: Option<(u64, &str)>) {
    let header = ["layer", "kind", "output", "parameters", "bytes (f32)", "MACs"];
    let mut table = Table::new(header).numbers_from(2);
    for layer in network.layers.iter().filter(|layer| !layer.name.is_empty()) {
        table.row([
            layer.name.clone(),
            layer.kind.to_owned(),
            shape(layer.shape),
            thousands(layer.parameters),
            thousands(layer.bytes),
            thousands(layer.macs),
        ]);
    }
    result(table);
    prose(&format!(
        "{}: {signature} classes, {} parameters, {} MACs",
        network.model,
        thousands(network.parameters),
        thousands(network.macs)
    ));
    if let Some((bytes, verdict)) = file {
        prose(&format!("file: {} bytes, {verdict}", thousands(bytes)));
    }
    for (what, taps) in
        [("taps", &network.taps), ("taps before the activation", &network.taps_before_activation)]
    {
        let taps: Vec<String> =
            taps.iter().map(|tap| format!("{} {}", tap.name, shape(tap.shape))).collect();
        prose(&format!("{what}: {}", taps.join(", ")));
    }
}

impl Layer {
    fn of(layer: LayerInfo) -> Self {
        let LayerInfo { name, kind, shape, cost: Cost { parameters, macs } } = layer;
        Self { name, kind, shape, parameters, bytes: 4 * parameters, macs }
    }
}

/// A file of which nothing is known: its table of tensors.
fn tensors(path: &Path, json: bool) -> anyhow::Result<()> {
    let tensors = weights::table(path).map_err(DriverError::from)?;
    let numbers = tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    let tensors: Vec<Tensor> = tensors.into_iter().map(Tensor::of).collect();
    if json {
        let file = path.display().to_string();
        return print_json(&Inspected::File(Tensors { schema: SCHEMA, file, numbers, tensors }));
    }
    let mut table = Table::new(["tensor", "type", "shape"]);
    for tensor in &tensors {
        let dims: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
        table.row([tensor.name.clone(), tensor.kind.clone(), dims.join("x")]);
    }
    result(table);
    prose(&format!(
        "{} tensors, {} numbers; `--model NAME` says whether they are that network's",
        tensors.len(),
        thousands(numbers as u64)
    ));
    Ok(())
}

impl Tensor {
    fn of(TensorInfo { name, kind, shape }: TensorInfo) -> Self {
        Self { name, kind, shape }
    }
}

fn shape([channels, height, width]: [usize; 3]) -> String {
    format!("{channels}x{height}x{width}")
}
