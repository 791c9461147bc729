//! What to do about weights of another network.

use super::fit::{Fit, head, is_of_head};
use crate::{Graph, graph::Op};

/// The hint that fits what is missing, left over and of another shape; without one that of the file.
pub(super) fn hint(fit: &Fit, graph: &Graph, of_file: Option<&str>) -> String {
    let hints = [
        norm(fit),
        parametrised(fit),
        shortcuts(fit),
        channels(fit, graph),
        stem(fit),
        classes(fit, graph),
        layers(fit, graph),
    ];
    let hint = hints.into_iter().flatten().next();
    let nothing = fit.sources.iter().all(Option::is_none);
    hint.or_else(|| of_file.filter(|_| nothing).map(|hint| format!("hint: {hint}")))
        .unwrap_or_default()
}

/// Norms of the other kind.
fn norm(fit: &Fit) -> Option<String> {
    let running =
        |names: &[String]| !names.is_empty() && names.iter().all(|name| name.contains(".running_"));
    let (held, set) = match fit {
        fit if !fit.shapes.is_empty() => return None,
        fit if running(&fit.missing) => ("no running statistics", "batch"),
        fit if running(&fit.unused) => ("running statistics", "running"),
        _ => return None,
    };
    Some(format!("hint: its norms keep {held}, set `norm` to `{set}`"))
}

/// Shortcuts of the other kind, of residual networks for CIFAR.
fn shortcuts(fit: &Fit) -> Option<String> {
    let of_shortcuts = |names: &[String]| {
        let kinds = [".downsample.", ".shortcut."];
        let mut names = names.iter();
        names.len() > 0 && names.all(|name| kinds.iter().any(|kind| name.contains(kind)))
    };
    let (held, set) = match fit {
        fit if !fit.shapes.is_empty() => return None,
        fit if fit.missing.is_empty() && of_shortcuts(&fit.unused) => ("weights", "b"),
        fit if fit.unused.is_empty() && of_shortcuts(&fit.missing) => ("no weights", "a"),
        _ => return None,
    };
    Some(format!("hint: its shortcuts have {held}, set `shortcut` to `{set}`"))
}

/// A first layer for grey images, or for colours.
fn channels(fit: &Fit, graph: &Graph) -> Option<String> {
    let first = graph.nodes.iter().find(|node| matches!(node.op, Op::Conv(_)))?;
    let (held, expected) = differing(fit, &format!("{}.weight", first.name))?;
    let ([_, held, ..], [_, expected, ..]) = (held, expected) else { return None };
    if held == expected {
        return None;
    }
    Some(format!(
        "hint: it takes images of {held} channel(s), the data's have {expected}: for a folder, set \
         `channels = {held}` in `[data]`"
    ))
}

/// A stem for small images, or for large ones.
fn stem(fit: &Fit) -> Option<String> {
    let (held, expected) = differing(fit, "conv1.weight")?;
    let advice = match (held.last()?, expected.last()?) {
        (3, 7) => "a network for small images: a model named `-cifar`, such as `resnet18-cifar`",
        (7, 3) => "a network for large images: a model without `-cifar`, such as `resnet18`",
        _ => return None,
    };
    Some(format!("hint: its first layer is that of {advice}"))
}

/// A last layer for other classes.
fn classes(fit: &Fit, graph: &Graph) -> Option<String> {
    let head = head(graph)?;
    let (held, expected) = differing(fit, &format!("{head}.weight"))?;
    if fit.shapes.iter().any(|other| !other.name.starts_with(&format!("{head}."))) {
        return None;
    }
    let (held, expected) = (held.first()?, expected.first()?);
    Some(format!(
        "hint: it tells {held} classes apart and {expected} were asked for: name its classes in the order of its \
         logits (`classes` beside `weights`, `--classes`), or train a new last layer (`epochs` beside `weights`)"
    ))
}

/// A last layer that is more than one.
fn layers(fit: &Fit, graph: &Graph) -> Option<String> {
    let head = head(graph)?;
    let of_head = fit.missing.iter().all(|name| is_of_head(Some(head), name));
    if fit.missing.is_empty() || !of_head || !fit.shapes.is_empty() {
        return None;
    }
    if fit.unused.is_empty() {
        return Some(format!(
            "hint: all but the last layer `{head}` fits, and there is none: it is a network for features; save the \
             classifier that was trained on them with it"
        ));
    }
    let mut found: Vec<&str> =
        fit.unused.iter().filter_map(|key| key.rsplit_once('.').map(|(layer, _)| layer)).collect();
    found.dedup();
    let found: Vec<String> = found.into_iter().map(|layer| format!("`{layer}`")).collect();
    Some(format!(
        "hint: all but the last layer fits; in place of `{head}` it has {}; export such a network from PyTorch to \
         ONNX, and name that file",
        found.join(", ")
    ))
}

fn parametrised(fit: &Fit) -> Option<String> {
    let mut parts = fit.unused.iter().flat_map(|key| key.split('.'));
    parts.any(|part| part == "parametrizations").then(|| {
        "hint: its layers are parametrised; call \
         `torch.nn.utils.parametrize.remove_parametrizations(layer, \"weight\")` and save again"
            .to_owned()
    })
}

/// The file's shape and the network's, where they differ.
fn differing<'a>(fit: &'a Fit, name: &str) -> Option<(&'a [usize], &'a [usize])> {
    let found = fit.shapes.iter().find(|other| other.name == name)?;
    Some((&found.held, &found.expected))
}
