//! Finding a network's names among a file's.

use std::{
    collections::{BTreeMap, HashSet},
    path::Path,
};

use burn::{store::burn_pack::Tensor, tensor::DType};

use crate::{ModelError, state::Entry};

/// PyTorch counts the batches that a norm has seen; nothing depends on it.
const COUNTER: &str = "num_batches_tracked";

/// The file's key for each entry, in their order.
pub(super) fn find(
    tensors: &BTreeMap<String, Tensor>,
    entries: &[Entry],
    aliases: &[(&str, &str)],
    path: &Path,
) -> Result<Vec<String>, ModelError> {
    let keys: Vec<(String, &str)> =
        tensors.keys().map(|key| (renamed(key, aliases), key.as_str())).collect();
    let prefix = prefix(keys.iter().map(|(name, _)| name.as_str()), entries, path)?;
    let here = keys.iter().filter_map(|(name, key)| Some((name.strip_prefix(&prefix)?, *key)));
    let mut here: BTreeMap<&str, &str> =
        here.filter(|(name, _)| !name.ends_with(COUNTER)).collect();

    let (mut found, mut missing, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    for Entry { name, shape, .. } in entries {
        let Some(key) = here.remove(name.as_str()) else {
            missing.push(name.clone());
            continue;
        };
        let tensor = &tensors[key];
        if !matches!(tensor.dtype, DType::F64 | DType::F32 | DType::F16 | DType::BF16) {
            let problem = format!("`{key}` is of type {:?}", tensor.dtype);
            return Err(ModelError::weights(path, problem, "floating point numbers"));
        }
        let held: &[usize] = &tensor.shape;
        if held != shape {
            shapes.push(format!("{name} is {held:?}, expected {shape:?}"));
        }
        found.push(key.to_owned());
    }
    let unused: Vec<String> = here.into_keys().map(|name| format!("{prefix}{name}")).collect();
    if missing.is_empty() && unused.is_empty() && shapes.is_empty() {
        return Ok(found);
    }
    Err(ModelError::Mismatch { path: path.to_owned(), missing, unused, shapes })
}

/// Where in the file the weights lie: what stands before most of the network's names. A file that has
/// all of them in several places is refused: nothing says which are meant.
fn prefix<'a>(
    keys: impl Iterator<Item = &'a str>,
    entries: &[Entry],
    path: &Path,
) -> Result<String, ModelError> {
    let names: HashSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys {
        // Every place where a name could begin: at the start, and behind each dot.
        let starts = std::iter::once(0).chain(key.match_indices('.').map(|(dot, _)| dot + 1));
        for start in starts.take(8) {
            if names.contains(&key[start..]) {
                *votes.entry(&key[..start]).or_default() += 1;
            }
        }
    }
    let whole: Vec<&str> =
        votes.iter().filter(|(_, votes)| **votes == entries.len()).map(|(at, _)| *at).collect();
    if whole.len() > 1 {
        let places: Vec<String> = whole.iter().map(|at| format!("`{at}`")).collect();
        let problem = format!("this network's weights under {}", places.join(" and "));
        let expected = "them once\nhint: save those that you mean alone, for example \
                        `torch.save(checkpoint['model'], ...)`";
        return Err(ModelError::weights(path, problem, expected));
    }
    // Of equal ones the shortest, then the first in the alphabet.
    let most = votes.into_iter().min_by_key(|(at, votes)| (usize::MAX - votes, at.len()));
    Ok(most.map(|(at, _)| at.to_owned()).unwrap_or_default())
}

fn renamed(key: &str, aliases: &[(&str, &str)]) -> String {
    let mut name = key.to_owned();
    for (theirs, ours) in aliases {
        // An alias that starts with a dot stands within a name; another one at its beginning.
        match theirs.strip_prefix('.') {
            Some(_) => name = name.replace(theirs, ours),
            None => {
                if let Some(at) = name.find(theirs)
                    && (at == 0 || name.as_bytes()[at - 1] == b'.')
                {
                    name.replace_range(at..at + theirs.len(), ours);
                }
            }
        }
    }
    name
}
