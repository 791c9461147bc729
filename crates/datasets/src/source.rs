//! Where samples lie: what a loader reads from.

use std::{fmt::Debug, ops::Range};

use crate::{
    DataError, HostBatch,
    keyed::{SampleId, ViewKey},
};

/// Samples that can be read in any order.
///
/// A set in memory is one shard. Data in many files has a shard for each, so that an epoch reads few of them
/// at a time.
pub trait Source: Send + Sync + Debug {
    /// Ids of the samples of each shard: ascending ranges that do not overlap.
    fn shards(&self) -> &[Range<SampleId>];

    /// Reads the samples `ids`, in this order, into the input, targets and mask of `into`, in place of what was
    /// there. `view` says which augmented view is meant; a source without augmentation has one view.
    ///
    /// # Errors
    /// [`DataError`] for a sample that is not there or cannot be read.
    fn read(&self, ids: &[SampleId], view: ViewKey, into: &mut HostBatch) -> Result<(), DataError>;

    /// Identity of the content, for fingerprints: the same text means the same samples.
    fn identity(&self) -> &str;

    /// Number of samples.
    fn samples(&self) -> u64 {
        let sizes = self.shards().iter().map(|shard| shard.end.saturating_sub(shard.start));
        sizes.fold(0, u64::saturating_add)
    }
}
