//! Weights in and out.
//!
//! Read: Burn's `.bpk`, safetensors, and PyTorch's checkpoints in all their containers. Written:
//! `.bpk` and safetensors. Every file holds PyTorch's names and PyTorch's layout.

mod fit;
mod head;
mod hints;
mod names;
mod parametrised;
mod pytorch;
mod read;
mod tensor;
mod write;

use std::path::Path;

use burn::tensor::TensorData;

pub use head::{Loaded, load_body, select_classes};
pub use read::{Container, container};
pub use write::{Precision, to_bytes, to_safetensors};
#[cfg(feature = "onnx")]
pub(crate) use write::{is_half, number_bytes};

use serde::Serialize;

use crate::{Graph, ModelError, Network, state::Entry};
use fit::Source;
use tensor::Contents;

/// Puts the weights of a file into `network`, which keeps its device.
///
/// The container is told from the file's first bytes. Weights may be nested in a checkpoint
/// (`state_dict`, `model`) and wrapped (`module.`, `_orig_mod.`, anywhere in a name): the place where all of the
/// network's names are found is taken, and what lies elsewhere in the file is left unread. Numbers may be of any
/// floating point type and become `f32`; weights that are kept in parts (weight norm, spectral norm, pruning masks)
/// are computed. A last layer may have another name, or no bias. Counts (`num_batches_tracked`) are not needed.
///
/// A checkpoint is data: nothing in it is executed, and no more memory is taken than the network and
/// the file's own table need; a `.bpk` is read whole.
///
/// # Errors
/// [`ModelError::Weights`] for a file that cannot be read, and for one that holds the network more than once;
/// [`ModelError::Mismatch`] with all names where its weights are not the network's.
pub fn load(network: Network, path: &Path) -> Result<Network, ModelError> {
    load_from(network, path, None)
}

/// As [`load`], from the place that `key` names: of a file that holds the network several times, as a checkpoint
/// with `model` and `model_ema` does, a part of the names in front of the network's own; `.` for those with nothing
/// in front.
///
/// # Errors
/// As [`load`], and for a key under which the network is not.
pub fn load_from(network: Network, path: &Path, key: Option<&str>) -> Result<Network, ModelError> {
    let contents = contents(path)?;
    let sources = names::find(&contents, network.graph(), key, path)?;
    if sources.contains(&Source::Zeros) {
        tracing::warn!("{}: its last layer has no bias, which is taken as zeros", path.display());
    }
    let mut sources = sources.into_iter();
    network.with_state(|entry| {
        let source = sources.next().expect("a source for each entry");
        numbers(&contents, &source, entry, path)
    })
}

/// The numbers of one entry.
fn numbers(
    contents: &Contents,
    source: &Source,
    entry: &Entry,
    path: &Path,
) -> Result<TensorData, ModelError> {
    let key = match source {
        Source::Key(key) => key,
        Source::Zeros => {
            let zeros = vec![0.0_f32; entry.shape.iter().product()];
            return Ok(TensorData::new(zeros, entry.shape.clone()));
        }
    };
    let refuse = |problem: String| ModelError::weights(path, problem, "finite numbers");
    let values = contents.tensors[key].numbers();
    let values = values.map_err(|problem| refuse(format!("`{key}`: {problem}")))?;
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(refuse(format!("`{key}` holds {value}")));
    }
    Ok(TensorData::new(values, entry.shape.clone()))
}

/// Checks the names, shapes and types of a file against a network's, and looks at no number.
///
/// # Errors
/// As [`load_from`].
pub fn check(graph: &Graph, path: &Path, key: Option<&str>) -> Result<(), ModelError> {
    names::find(&contents(path)?, graph, key, path).map(|_| ())
}

/// What a file holds, with weights in the place of their parts.
fn contents(path: &Path) -> Result<Contents, ModelError> {
    let Contents { tensors, hint } = read::contents(path)?;
    Ok(Contents { tensors: parametrised::computed(tensors), hint })
}

/// One tensor of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorInfo {
    /// Its name in the file.
    pub name: String,
    /// Type of its numbers.
    pub kind: String,
    /// Its shape.
    pub shape: Vec<usize>,
}

/// The tensors of a file by name, whatever network they belong to.
///
/// # Errors
/// [`ModelError::Weights`] for a file that cannot be read.
pub fn table(path: &Path) -> Result<Vec<TensorInfo>, ModelError> {
    let tensors = read::contents(path)?.tensors.into_iter().map(|(name, tensor)| TensorInfo {
        name,
        kind: tensor.kind,
        shape: tensor.shape,
    });
    Ok(tensors.collect())
}
