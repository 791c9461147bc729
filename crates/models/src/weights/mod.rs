//! Weights in and out.
//!
//! Read: Burn's `.bpk`, safetensors, and PyTorch's checkpoints in all their containers. Written:
//! `.bpk` and safetensors. Every file holds PyTorch's names and PyTorch's layout.

mod names;
mod read;
mod write;

use std::path::Path;

use burn::{store::bridge, tensor::TensorData};

pub use read::{Container, container};
pub use write::{Precision, to_bytes, to_safetensors};
#[cfg(feature = "onnx")]
pub(crate) use write::{is_half, number_bytes};

use serde::Serialize;

use crate::{Graph, ModelError, Network};

/// Puts the weights of a file into `network`, which keeps its device.
///
/// The container is told from the file's first bytes. Weights may be nested in a checkpoint
/// (`state_dict`, `model`) and wrapped (`module.`): the place where most of the network's names are
/// found is taken, and what lies elsewhere in the file is left unread. Numbers may be of any floating
/// point type and become `f32`. Counts of batches (`num_batches_tracked`) are not needed.
///
/// A checkpoint is data: nothing in it is executed, and no more memory is taken than the network and
/// the file's own table need; a `.bpk` is read whole.
///
/// # Errors
/// [`ModelError::Weights`] for a file that cannot be read, [`ModelError::Mismatch`] with all names
/// where its weights are not the network's.
pub fn load(network: Network, path: &Path) -> Result<Network, ModelError> {
    let mut tensors = read::tensors(path)?;
    let graph = network.graph();
    let found = names::find(&tensors, &graph.entries(), graph.aliases, path)?;
    let mut found = found.into_iter();
    network.with_state(|entry| {
        let key = found.next().expect("a key for each entry");
        let tensor = tensors.remove(&key).expect("found among them");
        let refuse = |problem: String| ModelError::weights(path, problem, "finite numbers");
        let data = bridge::into_data(tensor).map_err(|e| refuse(format!("`{key}`: {e}")))?;
        let values = data.convert::<f32>().try_into_vec::<f32>();
        let values = values.map_err(|e| refuse(format!("`{key}`: {e}")))?;
        if let Some(value) = values.iter().find(|value| !value.is_finite()) {
            return Err(refuse(format!("`{key}` holds {value}")));
        }
        Ok(TensorData::new(values, entry.shape.clone()))
    })
}

/// Checks the names, shapes and types of a file against a network's, and looks at no number.
///
/// # Errors
/// As [`load`].
pub fn check(graph: &Graph, path: &Path) -> Result<(), ModelError> {
    names::find(&read::tensors(path)?, &graph.entries(), graph.aliases, path).map(|_| ())
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
    let tensors = read::tensors(path)?.into_iter().map(|(name, tensor)| TensorInfo {
        name,
        kind: format!("{:?}", tensor.dtype).to_lowercase(),
        shape: tensor.shape.to_vec(),
    });
    Ok(tensors.collect())
}
