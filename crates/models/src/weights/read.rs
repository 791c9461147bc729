//! A file's table of tensors, whatever the container. Numbers are read later, one tensor at a time.

use std::{fs::File, io::Read, path::Path};

use burn::{
    store::{BurnpackStore, ModuleStore, PytorchStore, SafetensorsStore},
    tensor::Bytes,
};

use super::{
    pytorch,
    tensor::{Contents, FileTensor},
};
use crate::ModelError;

/// What a file of weights is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// Burn's `.bpk`.
    Burnpack,
    /// `.safetensors`.
    Safetensors,
    /// `.pt`, `.pth`, `.th`: what `torch.save` wrote, now or long ago.
    PyTorch,
}

/// The container, told from the first bytes of a file.
///
/// # Errors
/// [`ModelError::Weights`] where the file cannot be read.
pub fn container(path: &Path) -> Result<Container, ModelError> {
    let unreadable = |e: std::io::Error| refuse(path, &format!("it cannot be read: {e}"));
    let mut head = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(refuse(path, "it is not a file"));
    }
    file.take(9).read_to_end(&mut head).map_err(unreadable)?;
    let magic = burn::store::burn_pack::MAGIC_NUMBER.to_le_bytes();
    Ok(match head.as_slice() {
        head if head.starts_with(&magic) => Container::Burnpack,
        // Eight bytes of length, then JSON.
        [.., 0, b'{'] => Container::Safetensors,
        _ => Container::PyTorch,
    })
}

/// All tensors of a file by name, their numbers unread.
pub(super) fn contents(path: &Path) -> Result<Contents, ModelError> {
    match container(path)? {
        Container::Burnpack => {
            // Read whole: for a file, its reader takes memory for the table that the header promises
            // before it looks whether it is there.
            let bytes = std::fs::read(path).map_err(|e| refuse(path, &e.to_string()))?;
            let store = BurnpackStore::from_bytes(Some(Bytes::from_bytes_vec(bytes)));
            table(store, path, "a `.bpk` file")
        }
        Container::Safetensors => {
            table(SafetensorsStore::from_file(path), path, "a safetensors file")
        }
        Container::PyTorch if is_tar(path) => {
            let store = PytorchStore::from_file(path).map_indices_contiguous(false);
            table(store, path, EXPECTED)
        }
        Container::PyTorch => {
            let read = pytorch::contents(path);
            read.map_err(|problem| ModelError::weights(path, problem, EXPECTED))
        }
    }
}

const EXPECTED: &str = "a `.bpk` file, safetensors or a PyTorch checkpoint";

fn table(mut store: impl ModuleStore, path: &Path, expected: &str) -> Result<Contents, ModelError> {
    let tensors = store.get_all_tensors().map_err(|e| ModelError::weights(path, e, expected))?;
    let tensors = tensors.iter().map(|(name, held)| (name.clone(), FileTensor::burn(held.clone())));
    Ok(Contents { tensors: tensors.collect(), hint: None })
}

/// Whether a file is of a PyTorch before 0.1.10, which wrote tar archives.
fn is_tar(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(262).read_to_end(&mut head));
    read.is_ok() && head.get(257..) == Some(b"ustar")
}

fn refuse(path: &Path, problem: &str) -> ModelError {
    ModelError::weights(path, problem, "a file of weights")
}
