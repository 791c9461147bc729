//! Identities of what a result depends on.

use super::sha256;

/// Identity of a stage's inputs.
pub(crate) fn fingerprint(inputs: &serde_json::Value) -> String {
    sha256(inputs.to_string().as_bytes())
}

/// Names of the inputs in which two records differ, for a person.
pub(crate) fn differences(old: &serde_json::Value, new: &serde_json::Value) -> String {
    let empty = serde_json::Map::new();
    let (old, new) = (old.as_object().unwrap_or(&empty), new.as_object().unwrap_or(&empty));
    let changed = new.iter().filter(|(key, value)| old.get(*key) != Some(*value));
    let gone = old.iter().filter(|(key, _)| !new.contains_key(*key));
    changed.chain(gone).map(|(key, _)| key.as_str()).collect::<Vec<_>>().join(", ")
}
