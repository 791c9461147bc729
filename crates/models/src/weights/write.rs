//! Weights as the bytes of a file.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
};

use burn::{
    module::Module,
    store::burn_pack::{Tensor, Writer},
    tensor::{Bytes, DType},
};
use half::f16;
use safetensors::{Dtype, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{ModelError, Network, state::Item};

/// Type of the numbers in a file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// All of them `f32`.
    #[default]
    Single,
    /// Weights of convolutions and linear layers `f16`, rounded to the nearest. Biases and norms
    /// stay `f32`: they are few, and running variances may leave the range of `f16`.
    Half,
}

/// Weights as a `.bpk` file, with the identities that an optimizer's state is kept under.
///
/// # Errors
/// [`ModelError::Weights`] with `path` in its message, where the weights do not serialise.
pub fn to_bytes(
    network: &Network,
    precision: Precision,
    path: &Path,
) -> Result<Vec<u8>, ModelError> {
    let tensors = network.valid().state().into_iter().map(|item| {
        let bytes = Bytes::from_bytes_vec(number_bytes(&item, precision));
        let dtype = if is_half(&item, precision) { DType::F16 } else { DType::F32 };
        let id = item.entry.id().val();
        Tensor::new(item.entry.name, dtype, item.entry.shape, Some(id), bytes)
    });
    let bytes = Writer::new(tensors.collect()).into_bytes();
    bytes.map(|bytes| bytes.to_vec()).map_err(|e| unwritable(path, &e))
}

/// Weights as a safetensors file: `torch_module.load_state_dict(safetensors.torch.load_file(path))`.
///
/// # Errors
/// [`ModelError::Weights`] with `path` in its message, where the weights do not serialise.
pub fn to_safetensors(
    network: &Network,
    precision: Precision,
    metadata: HashMap<String, String>,
    path: &Path,
) -> Result<Vec<u8>, ModelError> {
    let items = network.valid().state();
    let numbers: Vec<Vec<u8>> = items.iter().map(|item| number_bytes(item, precision)).collect();
    let mut views = Vec::new();
    for (item, bytes) in items.iter().zip(&numbers) {
        let dtype = if is_half(item, precision) { Dtype::F16 } else { Dtype::F32 };
        let view = TensorView::new(dtype, item.entry.shape.clone(), bytes);
        views.push((&item.entry.name, view.map_err(|e| unwritable(path, &e))?));
    }
    let refuse = |e: &dyn std::fmt::Display| unwritable(path, e);
    let json = |e: serde_json::Error| refuse(&e);
    // The library writes the map in the order that it happens to have; equal weights are to be equal files.
    let written = serde_json::to_string(&metadata).map_err(json)?;
    let sorted: BTreeMap<&String, &String> = metadata.iter().collect();
    let sorted = serde_json::to_string(&sorted).map_err(json)?;
    let mut bytes = safetensors::serialize(views, Some(metadata)).map_err(|e| refuse(&e))?;
    let place = bytes.windows(written.len()).position(|window| window == written.as_bytes());
    if let Some(place) = place {
        bytes[place..place + sorted.len()].copy_from_slice(sorted.as_bytes());
    }
    Ok(bytes)
}

/// Whether a tensor is written as `f16`.
pub(crate) fn is_half(item: &Item, precision: Precision) -> bool {
    precision == Precision::Half && item.entry.shape.len() > 1
}

/// Little-endian numbers of one tensor, in the type that `precision` gives it.
pub(crate) fn number_bytes(item: &Item, precision: Precision) -> Vec<u8> {
    let values = item.data.iter::<f32>();
    if is_half(item, precision) {
        values.flat_map(|value| f16::from_f32(value).to_le_bytes()).collect()
    } else {
        values.flat_map(f32::to_le_bytes).collect()
    }
}

fn unwritable(path: &Path, error: &dyn std::fmt::Display) -> ModelError {
    ModelError::weights(path, error, "weights that serialise")
}
