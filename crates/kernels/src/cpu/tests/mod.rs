//! Kernels against references in double precision, over random shapes, on every path of the machine,
//! in poisoned memory, with any number of threads.

mod convolutions;
mod dropout;
mod norms;
mod reference;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Random shapes and numbers, the same in every run.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub(super) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.0.next_u64() as usize % choices.len()]
    }

    /// Numbers in [-1, 1).
    pub(super) fn numbers(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| (self.0.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0).collect()
    }
}

/// |ours − right| / |right| by the Euclidean norm; what is there where nothing should be.
pub(super) fn relative_l2(ours: &[f32], right: &[f64]) -> f64 {
    assert_eq!(ours.len(), right.len());
    let off: f64 = ours.iter().zip(right).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
    let size: f64 = right.iter().map(|b| b * b).sum();
    if size == 0.0 { off.sqrt() } else { (off / size).sqrt() }
}

/// Runs `work` with so many threads.
pub(super) fn with_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    pool.expect("a few threads").install(work)
}
