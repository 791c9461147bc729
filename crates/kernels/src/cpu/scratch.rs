//! Working memory that is used again: asking the system for megabytes anew costs a page fault for
//! every four kilobytes.

use std::{
    alloc::{Layout, alloc, dealloc, handle_alloc_error},
    cell::RefCell,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

/// Bytes of a cache line, which every buffer begins on.
const ALIGNMENT: usize = 64;
/// Buffers that a thread keeps for its next calls.
const KEPT: usize = 8;

thread_local! {
    static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

static POISON: AtomicBool = AtomicBool::new(false);

/// Fills every buffer and result with NaN before it is used, so that reading what was never written
/// shows. For tests.
pub fn poison(on: bool) {
    POISON.store(on, Ordering::Relaxed);
}

/// Numbers whose contents are left over from earlier uses, on a cache line.
#[derive(Debug)]
pub(crate) struct Scratch(Option<Buffer>, usize);

impl Scratch {
    /// Room for `length` numbers.
    pub(crate) fn new(length: usize) -> Self {
        let fitting = FREE.with_borrow_mut(|free| {
            let fits = |buffer: &Buffer| buffer.length >= length;
            let smallest = (0..free.len())
                .filter(|at| fits(&free[*at]))
                .min_by_key(|at| free[*at].length);
            smallest.map(|at| free.swap_remove(at))
        });
        let mut scratch = Self(Some(fitting.unwrap_or_else(|| Buffer::new(length))), length);
        if POISON.load(Ordering::Relaxed) {
            scratch.fill(f32::NAN);
        }
        scratch
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(buffer) = self.0.take() else { return };
        // The thread may be ending; the buffer is freed then.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(buffer);
            if free.len() > KEPT {
                let smallest = (0..free.len()).min_by_key(|at| free[*at].length);
                smallest.map(|at| free.swap_remove(at));
            }
        });
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        &self.0.as_ref().expect("it is there until dropped").as_slice()[..self.1]
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        &mut self.0.as_mut().expect("it is there until dropped").as_mut_slice()[..self.1]
    }
}

/// Results that a kernel is about to write whole.
pub(crate) fn result(length: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(length);
    if POISON.load(Ordering::Relaxed) {
        values.resize(length, f32::NAN);
    } else {
        // SAFETY: the capacity is there, any bits are an `f32`, and callers write every number
        // before one is read: the tests run them on poisoned memory.
        #[expect(clippy::uninit_vec, reason = "zeroing costs as much as some kernels")]
        unsafe {
            values.set_len(length);
        }
    }
    values
}

#[derive(Debug)]
struct Buffer {
    start: NonNull<f32>,
    length: usize,
}

// SAFETY: a buffer owns its memory.
unsafe impl Send for Buffer {}
// SAFETY: shared references only read.
unsafe impl Sync for Buffer {}

impl Buffer {
    fn new(length: usize) -> Self {
        let length = length.max(ALIGNMENT / 4);
        let layout = Self::layout(length);
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc(layout) };
        let Some(start) = NonNull::new(start.cast::<f32>()) else { handle_alloc_error(layout) };
        // Fresh memory is zeroed by the system anyway; this makes reading it defined.
        // SAFETY: the memory is there and aligned.
        unsafe { start.write_bytes(0, length) };
        Self { start, length }
    }

    fn layout(length: usize) -> Layout {
        Layout::from_size_align(length * size_of::<f32>(), ALIGNMENT).expect("it fits the memory")
    }

    fn as_slice(&self) -> &[f32] {
        // SAFETY: the memory is the buffer's own and was written when it was made.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }

    fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: as above, and nobody else has it.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.length)) };
    }
}
