//! The teacher: a frozen network or several, and its outputs, computed now or read from a cache.

mod cache;
mod frozen;
mod outputs;

pub use cache::{
    CacheConfig, CacheEntry, CacheFault, CacheRecord, CacheRequest, Cleared, OutputCache, Stored,
    cache_clear, cache_list, cache_verify,
};
pub use frozen::Teacher;
pub use outputs::TeacherOutputs;
