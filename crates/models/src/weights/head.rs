//! Last layers: weights of another number of classes, and weights without their last layer.

use std::path::Path;

use burn::{module::ParamId, tensor::TensorData};

use super::{
    contents,
    fit::{head, is_of_head},
    names,
};
use crate::{ModelError, Network, state::Item};

/// What was put into a network, and what was not.
#[derive(Debug)]
pub struct Loaded {
    /// The network.
    pub network: Network,
    /// Names of its parameters that the file has not, or in other shapes: they keep the values they had.
    pub kept: Vec<String>,
}

/// As [`load_from`](super::load_from), for a network whose last layer need not be that of the file: where it has
/// another shape, or is not there, `network` keeps its own. Without `with_head` it does in any case.
///
/// # Errors
/// As [`load_from`](super::load_from), for all other layers.
pub fn load_body(
    network: Network,
    path: &Path,
    key: Option<&str>,
    with_head: bool,
) -> Result<Loaded, ModelError> {
    let contents = contents(path)?;
    let (sources, kept) = names::find_body(&contents, network.graph(), key, with_head, path)?;
    let mut own = network.state().into_iter();
    let mut sources = sources.into_iter();
    let network = network.with_state(|entry| {
        let own = own.next().expect("an item for each entry");
        match sources.next().expect("a source for each entry") {
            Some(source) => super::numbers(&contents, &source, entry, path),
            None => Ok(own.data),
        }
    })?;
    Ok(Loaded { network, kept })
}

/// `into` with the weights of `from`, which differs from it in the classes alone: output `at` of `into` is output
/// `rows[at]` of `from`.
///
/// # Panics
/// Where the two are no networks of one architecture, `rows` has another length than `into` has classes, or a row is
/// none of `from`.
pub fn select_classes(from: &Network, into: Network, rows: &[usize]) -> Network {
    let mut items = from.state().into_iter();
    let selected = into.with_state(|entry| -> Result<TensorData, ModelError> {
        let Item { entry: theirs, data } = items.next().expect("networks of one architecture");
        if theirs.shape == entry.shape {
            return Ok(data);
        }
        let (classes, width) = (theirs.shape[0], theirs.shape[1..].iter().product::<usize>());
        assert!(rows.len() == entry.shape[0] && rows.iter().all(|row| *row < classes), "rows");
        let numbers: Vec<f32> = data.iter().collect();
        let rows = rows.iter().flat_map(|row| &numbers[row * width..(row + 1) * width]);
        Ok(TensorData::new(rows.copied().collect::<Vec<f32>>(), entry.shape.clone()))
    });
    selected.expect("nothing is read from a file")
}

impl Network {
    /// Identities of all parameters but those of the last layer.
    pub fn body(&self) -> Vec<ParamId> {
        let head = head(self.graph());
        let entries = self.graph().entries().into_iter();
        let body = entries.filter(|entry| !is_of_head(head, &entry.name));
        body.map(|entry| entry.id()).collect()
    }
}
