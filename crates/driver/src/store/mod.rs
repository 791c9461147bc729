//! What a run writes down: files that are whole or not there, identities, names of weights.

mod files;
mod fingerprint;
mod weights;

pub use files::write_atomic;
pub(crate) use files::{
    WRITING, create_dir, hash_file, read_json, remove_unfinished, require, sha256, sync_folder,
    to_json, unfinished, write_json,
};
pub(crate) use fingerprint::{differences, fingerprint};
pub use weights::Weights;
pub(crate) use weights::peer_file;
