//! Weights in and out, as Burn's `.bpk`.

use std::path::Path;

use burn::{module::Module, store::ModuleRecord};

use crate::ModelError;

/// Weights as the bytes of a `.bpk` file.
///
/// # Errors
/// [`ModelError::Weights`] with `path` in its message, where the weights do not serialise.
pub fn to_bytes<M: Module>(network: &M, path: &Path) -> Result<Vec<u8>, ModelError> {
    let bytes = network.valid().into_record().into_bytes();
    bytes.map(|bytes| bytes.to_vec()).map_err(|e| ModelError::Weights {
        path: path.to_owned(),
        problem: e.to_string(),
        expected: "weights that serialise".to_owned(),
    })
}

/// Puts the weights of a `.bpk` file into `network`, which keeps its device.
///
/// # Errors
/// [`ModelError::Weights`] for a file that cannot be read or whose names and shapes are not the
/// network's.
pub fn load<M: Module>(network: M, path: &Path) -> Result<M, ModelError> {
    let refuse = |problem: String| ModelError::Weights {
        path: path.to_owned(),
        problem,
        expected: "a `.bpk` file with the weights of this network".to_owned(),
    };
    let record = ModuleRecord::load(path).map_err(|e| refuse(e.to_string()))?;
    network.try_load_record(record).map_err(|e| refuse(e.to_string()))
}
