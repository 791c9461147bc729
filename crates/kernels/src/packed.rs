//! The packed weights of a network that does not learn.

#[cfg(feature = "flex")]
use std::sync::Arc;

#[cfg(feature = "flex")]
use burn::backend::{Flex, tensor::FloatTensor};

#[cfg(feature = "flex")]
use crate::cpu::conv::Packed;

/// Transformed weights of a network that does not learn, kept from one call to the next. They are made
/// again when other weights come, or maps of another size. A clone starts empty.
#[derive(Debug, Default)]
pub struct PackedWeights {
    #[cfg(feature = "flex")]
    pub(crate) kept: std::sync::Mutex<Option<Kept>>,
}

impl Clone for PackedWeights {
    fn clone(&self) -> Self {
        Self::default()
    }
}

/// Packed weights and what they were made from.
#[cfg(feature = "flex")]
#[derive(Debug)]
pub(crate) struct Kept {
    /// Held, so that no other weights can come to lie in its memory.
    pub(crate) weight: FloatTensor<Flex>,
    pub(crate) packed: Arc<Packed>,
}
