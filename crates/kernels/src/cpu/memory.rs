//! Memory that is used again: asking the system for megabytes anew costs a page fault for every four
//! kilobytes of them, about a tenth of a training step.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    cell::RefCell,
    collections::VecDeque,
    ops::{Deref, DerefMut},
    ptr::NonNull,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

/// Bytes of a cache line, which every buffer begins on.
const ALIGNMENT: usize = 64;
/// Buffers that a thread keeps for its next tasks.
const KEPT_SCRATCH: usize = 8;
/// Numbers of results that are kept for the next ones, all together: half a gigabyte.
const KEPT_RESULTS: usize = 128 * 1024 * 1024;
/// Results of fewer numbers are as quickly allocated.
const SMALL: usize = 16 * 1024;

thread_local! {
    static FREE: RefCell<Vec<Buffer>> = const { RefCell::new(Vec::new()) };
}

/// Results that nobody needs any more, in the order in which they came.
static RESULTS: Mutex<VecDeque<Buffer>> = Mutex::new(VecDeque::new());

static POISON: AtomicBool = AtomicBool::new(false);

/// Fills all working memory and every result with NaN before it is used, so that reading what was never
/// written shows. For tests.
pub fn poison(on: bool) {
    POISON.store(on, Ordering::Relaxed);
}

/// Working memory of a task: numbers left over from earlier uses.
#[derive(Debug)]
pub(crate) struct Scratch(Option<Buffer>, usize);

impl Scratch {
    /// Room for `length` numbers.
    pub(crate) fn new(length: usize) -> Self {
        let fitting = FREE.with_borrow_mut(|free| {
            let fitting = (0..free.len()).filter(|at| free[*at].length >= length);
            let smallest = fitting.min_by_key(|at| free[*at].length);
            smallest.map(|at| free.swap_remove(at))
        });
        let mut buffer = fitting.unwrap_or_else(|| Buffer::new(length));
        buffer.poison();
        Self(Some(buffer), length)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let Some(buffer) = self.0.take() else { return };
        // Where the thread is ending, the buffer is freed.
        let _ = FREE.try_with(|free| {
            let mut free = free.borrow_mut();
            free.push(buffer);
            if free.len() > KEPT_SCRATCH {
                let smallest = (0..free.len()).min_by_key(|at| free[*at].length);
                smallest.map(|at| free.swap_remove(at));
            }
        });
    }
}

/// A kernel's result. Its memory goes to later results when it is dropped.
#[derive(Debug)]
pub(crate) struct Numbers(Option<Buffer>, usize);

impl Numbers {
    /// Numbers that are about to be written, each of them.
    pub(crate) fn new(length: usize) -> Self {
        let kept = if length < SMALL { None } else { take(length) };
        let mut buffer = kept.unwrap_or_else(|| Buffer::new(length));
        buffer.poison();
        Self(Some(buffer), length)
    }

    /// Zeros.
    pub(crate) fn zeros(length: usize) -> Self {
        let mut numbers = Self::new(length);
        numbers.fill(0.0);
        numbers
    }
}

/// A free buffer of about this length.
fn take(length: usize) -> Option<Buffer> {
    let mut free = RESULTS.lock().unwrap_or_else(PoisonError::into_inner);
    let fitting = length..=length + length / 4;
    let at = free.iter().rposition(|buffer| fitting.contains(&buffer.length))?;
    free.remove(at)
}

impl Drop for Numbers {
    fn drop(&mut self) {
        let Some(buffer) = self.0.take().filter(|buffer| buffer.length >= SMALL) else { return };
        let mut free = RESULTS.lock().unwrap_or_else(PoisonError::into_inner);
        free.push_back(buffer);
        let mut kept: usize = free.iter().map(|buffer| buffer.length).sum();
        while kept > KEPT_RESULTS {
            kept -= free.pop_front().map_or(kept, |buffer| buffer.length);
        }
    }
}

macro_rules! slices {
    ($($name:ident),*) => {$(
        impl Deref for $name {
            type Target = [f32];

            fn deref(&self) -> &[f32] {
                &self.0.as_ref().expect("it is there until dropped").as_slice()[..self.1]
            }
        }

        impl DerefMut for $name {
            fn deref_mut(&mut self) -> &mut [f32] {
                &mut self.0.as_mut().expect("it is there until dropped").as_mut_slice()[..self.1]
            }
        }
    )*};
}

slices!(Scratch, Numbers);

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
    /// Zeros, so that reading them is defined.
    fn new(length: usize) -> Self {
        let length = length.max(ALIGNMENT / size_of::<f32>());
        let layout = Self::layout(length);
        // SAFETY: the layout is not empty.
        let start = unsafe { alloc_zeroed(layout) };
        let Some(start) = NonNull::new(start.cast::<f32>()) else { handle_alloc_error(layout) };
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

    fn poison(&mut self) {
        if POISON.load(Ordering::Relaxed) {
            self.as_mut_slice().fill(f32::NAN);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        // SAFETY: it was allocated with this layout.
        unsafe { dealloc(self.start.as_ptr().cast(), Self::layout(self.length)) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_result_comes_back() {
        let length = 3 * SMALL + 7;
        let first = Numbers::new(length);
        let place = first.as_ptr();
        assert_eq!(place as usize % ALIGNMENT, 0);
        drop(first);
        // Other tests may have taken it meanwhile; then theirs is given back some time.
        let found = (0..1000).any(|_| Numbers::new(length).as_ptr() == place);
        assert!(found, "a buffer of the same length is used again");
    }

    #[test]
    fn far_larger_memory_is_not_taken_for_a_small_result() {
        drop(Numbers::new(64 * SMALL));
        assert!(take(SMALL).is_none_or(|buffer| buffer.length <= SMALL + SMALL / 4));
    }

    #[test]
    fn zeros_are_zeros_in_used_memory() {
        let mut used = Numbers::new(2 * SMALL);
        used.fill(1.0);
        drop(used);
        assert!(Numbers::zeros(2 * SMALL).iter().all(|x| *x == 0.0));
    }
}
