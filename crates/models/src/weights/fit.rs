//! What one place of a file has for the names of a network.

use std::collections::BTreeMap;

use super::tensor::FileTensor;
use crate::{Graph, graph::Op, state::Entry};

/// Where an entry's numbers come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    /// The tensor of this key.
    Key(String),
    /// A last layer without bias: zeros.
    Zeros,
}

/// The names of a network found below one prefix.
#[derive(Debug, Default)]
pub(super) struct Fit {
    /// For each entry, in their order; nothing for those that are missing.
    pub(super) sources: Vec<Option<Source>>,
    /// Names that the network has and the file has not.
    pub(super) missing: Vec<String>,
    /// Keys of the file that no name of the network is.
    pub(super) unused: Vec<String>,
    /// Names that both have, in other shapes.
    pub(super) shapes: Vec<Reshaped>,
}

/// A name that both have, in other shapes.
#[derive(Debug)]
pub(super) struct Reshaped {
    pub(super) name: String,
    /// The file's shape.
    pub(super) held: Vec<usize>,
    /// The network's.
    pub(super) expected: Vec<usize>,
}

/// Layers between others that change no name: data parallelism, `torch.compile`, checkpointing, FSDP, ONNX Runtime.
const WRAPPERS: [&str; 6] = [
    "module",
    "_orig_mod",
    "_checkpoint_wrapped_module",
    "_fsdp_wrapped_module",
    "_forward_module",
    "_original_module",
];

/// Whether a part of a name is that of a wrapper.
pub(super) fn is_wrapper(part: &str) -> bool {
    WRAPPERS.contains(&part)
}

/// Counts that PyTorch, averages of weights and counters of operations keep: nothing depends on them.
const COUNTS: [&str; 4] = ["num_batches_tracked", "n_averaged", "total_ops", "total_params"];

/// A key without wrappers, in this network's names.
pub(super) fn renamed(key: &str, aliases: &[(String, String)]) -> String {
    let parts: Vec<&str> = key.split('.').filter(|part| !is_wrapper(part)).collect();
    let mut name = parts.join(".");
    for (theirs, ours) in aliases {
        // An alias that starts with a dot stands within a name; another one at its beginning.
        match theirs.strip_prefix('.') {
            Some(_) => name = name.replace(theirs, ours),
            None => {
                if let Some(rest) = name.strip_prefix(theirs.as_str()) {
                    name = format!("{ours}{rest}");
                }
            }
        }
    }
    name
}

impl Fit {
    /// What stands below `prefix`.
    pub(super) fn of(
        graph: &Graph,
        entries: &[Entry],
        tensors: &BTreeMap<String, FileTensor>,
        prefix: &str,
    ) -> Self {
        let below = tensors.range(prefix.to_owned()..);
        let below = below.take_while(|(key, _)| key.starts_with(prefix));
        let mut here: BTreeMap<String, &str> = BTreeMap::new();
        let mut twice = Vec::new();
        for (key, _) in below {
            let name = renamed(&key[prefix.len()..], &graph.aliases);
            if let Some(other) = here.insert(name, key) {
                twice.push(other);
            }
        }
        let mut fit = Self::default();
        for Entry { name, shape, .. } in entries {
            let key = here.remove(name.as_str());
            match key {
                None => fit.missing.push(name.clone()),
                Some(key) if &tensors[key].shape != shape => {
                    let (held, expected) = (tensors[key].shape.clone(), shape.clone());
                    fit.shapes.push(Reshaped { name: name.clone(), held, expected });
                }
                Some(_) => (),
            }
            fit.sources.push(key.map(|key| Source::Key(key.to_owned())));
        }
        // What lies in a table of its own, deeper than the prefix, is not a part of this one.
        let is_part = |key: &str| {
            let tensor = &tensors[key];
            // A number that belongs to no layer: an epoch, the best accuracy.
            let is_fact = tensor.shape.is_empty() && !key[prefix.len()..].contains('.');
            let beside = is_fact || is_count(key) || is_integers(&tensor.kind);
            tensor.table <= prefix.len() && !beside
        };
        let left = here.into_values().chain(twice);
        fit.unused = left.filter(|key| is_part(key)).map(str::to_owned).collect();
        fit.take_head(graph, entries, tensors, prefix);
        fit
    }

    /// Whether the place holds this network's weights and nothing else.
    pub(super) fn is_whole(&self) -> bool {
        self.missing.is_empty() && self.unused.is_empty() && self.shapes.is_empty()
    }

    /// Takes the last layer from where it has another name, or no bias.
    fn take_head(
        &mut self,
        graph: &Graph,
        entries: &[Entry],
        tensors: &BTreeMap<String, FileTensor>,
        prefix: &str,
    ) {
        let Some(head) = head(graph) else { return };
        let [weight, bias] = ["weight", "bias"].map(|field| format!("{head}.{field}"));
        let mut missing = self.missing.iter();
        if missing.len() == 0 || !missing.all(|name| [&weight, &bias].contains(&name)) {
            return;
        }
        let place = |name: &str| entries.iter().position(|entry| entry.name == *name);
        let (Some(of_weight), Some(of_bias)) = (place(&weight), place(&bias)) else { return };
        if self.missing.contains(&weight) {
            let Some((key, around)) =
                only_head(tensors, &self.unused, prefix, &entries[of_weight].shape)
            else {
                return;
            };
            let stem = key.strip_suffix("weight").unwrap_or(&key);
            let bias = Some(format!("{stem}bias")).filter(|bias| {
                tensors.get(bias).is_some_and(|held| held.shape == entries[of_bias].shape)
            });
            self.unused.extend(around);
            // With more layers than that one it is another network.
            if self.unused.iter().any(|unused| *unused != key && Some(unused) != bias.as_ref()) {
                return;
            }
            self.unused.clear();
            self.sources[of_bias] = bias.map(Source::Key);
            self.sources[of_weight] = Some(Source::Key(key));
        }
        self.sources[of_bias].get_or_insert(Source::Zeros);
        self.missing.clear();
    }
}

/// The name of a network's last layer.
pub(super) fn head(graph: &Graph) -> Option<&str> {
    let last = graph.nodes.iter().rev().find(|node| matches!(node.op, Op::Linear(_)))?;
    Some(&last.name)
}

/// Whether the parameter is one of the last layer.
pub(super) fn is_of_head(head: Option<&str>, name: &str) -> bool {
    head.is_some_and(|head| name.strip_prefix(head).is_some_and(|rest| rest.starts_with('.')))
}

/// The one weight of this shape that is no other layer's: below the prefix, else beside it, as `head.weight` is
/// beside `backbone.conv1.weight`. With it what else stands beside: a network that has more than a last layer there
/// is another one.
fn only_head(
    tensors: &BTreeMap<String, FileTensor>,
    unused: &[String],
    prefix: &str,
    shape: &[usize],
) -> Option<(String, Vec<String>)> {
    let fits = |key: &&String| key.ends_with("weight") && tensors[*key].shape == shape;
    let within: Vec<&String> = unused.iter().filter(fits).collect();
    if let [key] = within[..] {
        return Some((key.clone(), Vec::new()));
    }
    let parent = prefix.strip_suffix('.')?;
    let parent = parent.rfind('.').map_or("", |dot| &parent[..=dot]);
    let beside: Vec<&String> = tensors
        .iter()
        .filter(|(key, tensor)| {
            key.starts_with(parent)
                && !key.starts_with(prefix)
                && tensor.is_floats()
                && !is_count(key)
        })
        .map(|(key, _)| key)
        .collect();
    let fitting: Vec<&&String> = beside.iter().filter(|key| fits(key)).collect();
    let ([key], []) = (&fitting[..], &within[..]) else { return None };
    let key = (**key).clone();
    // Tables that are neither its own nor around it are of something else, such as an optimizer.
    let around = beside.into_iter().filter(|other| {
        let table = tensors[*other].table;
        table <= parent.len() || (table == tensors[&key].table && other[..table] == key[..table])
    });
    let around = around.cloned().collect();
    Some((key, around))
}

fn is_count(key: &str) -> bool {
    COUNTS.contains(&key.rsplit('.').next().unwrap_or_default())
}

fn is_integers(kind: &str) -> bool {
    ["i64", "i32", "i16", "i8", "u64", "u32", "u16", "u8"].contains(&kind)
        || kind.starts_with("bool")
}
