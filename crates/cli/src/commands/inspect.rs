//! What a network consists of, or a file of weights.

use std::path::Path;

use distill_driver::{DriverError, ModelCard};
use distill_models::{
    Cost, Graph, InputSpec, LayerInfo, ModelInfo, OutputSpec, onnx::OnnxNetwork, weights,
};
use serde_json::json;

use super::{network::refused, print_json};
use crate::{
    arguments::{InspectArguments, NetworkArguments},
    output::{plain_table, result, right_align_from, thousands},
};

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
    show(&name, &graph, bytes.map(|bytes| (bytes, verdict)), *json);
    Ok(())
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

fn show(name: &str, graph: &Graph, file: Option<(u64, &str)>, json: bool) {
    let Cost { parameters, macs } = graph.cost();
    let layers: Vec<LayerInfo> = graph.layers().collect();
    let (before, behind): (Vec<_>, Vec<_>) =
        graph.taps().partition(|(name, _)| name.ends_with(".preact"));
    if json {
        let list = |taps: &[(&str, [usize; 3])]| -> serde_json::Value {
            taps.iter().map(|(name, shape)| json!({ "name": name, "shape": shape })).collect()
        };
        print_json(&json!({
            "model": name, "signature": graph.signature(), "parameters": parameters, "macs": macs,
            "bytes": file.map(|(bytes, _)| bytes), "layers": layers,
            "taps": list(&behind), "taps_before_activation": list(&before),
        }));
        return;
    }
    let mut table = plain_table(&["layer", "kind", "output", "parameters", "bytes (f32)", "MACs"]);
    for layer in layers.iter().filter(|layer| !layer.name.is_empty()) {
        let Cost { parameters, macs } = layer.cost;
        table.add_row([
            layer.name.clone(),
            layer.kind.to_owned(),
            shape(layer.shape),
            thousands(parameters),
            thousands(4 * parameters),
            thousands(macs),
        ]);
    }
    right_align_from(&mut table, 2);
    result(table);
    result(format!(
        "{name}: {} classes, {} parameters, {} MACs",
        graph.signature(),
        thousands(parameters),
        thousands(macs)
    ));
    if let Some((bytes, verdict)) = file {
        result(format!("file: {} bytes, {verdict}", thousands(bytes)));
    }
    for (what, taps) in [("taps", behind), ("taps before the activation", before)] {
        let taps: Vec<String> =
            taps.into_iter().map(|(name, size)| format!("{name} {}", shape(size))).collect();
        result(format!("{what}: {}", taps.join(", ")));
    }
}

/// A file of which nothing is known: its table of tensors.
fn tensors(path: &Path, json: bool) -> anyhow::Result<()> {
    let tensors = weights::table(path).map_err(DriverError::from)?;
    if json {
        print_json(&tensors);
        return Ok(());
    }
    let mut table = plain_table(&["tensor", "type", "shape"]);
    for tensor in &tensors {
        let dims: Vec<String> = tensor.shape.iter().map(ToString::to_string).collect();
        table.add_row([tensor.name.clone(), tensor.kind.clone(), dims.join("x")]);
    }
    result(table);
    let numbers: usize = tensors.iter().map(|tensor| tensor.shape.iter().product::<usize>()).sum();
    result(format!(
        "{} tensors, {} numbers; `--model NAME` says whether they are that network's",
        tensors.len(),
        thousands(numbers as u64)
    ));
    Ok(())
}

fn shape([channels, height, width]: [usize; 3]) -> String {
    format!("{channels}x{height}x{width}")
}
