//! A pointer that tasks on several threads may write through.

/// Numbers that tasks write, each its own part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: whoever writes through it promises to keep to its own part.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    pub(crate) fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    /// The numbers from `offset` on.
    ///
    /// # Safety
    /// The offset lies in the numbers, which are still there; no other task touches what is written.
    #[inline(always)]
    pub(crate) unsafe fn at(self, offset: usize) -> *mut f32 {
        self.0.add(offset)
    }
}
