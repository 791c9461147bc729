//! Counter-based randomness: every draw is a function of (seed, epoch, sample, operation).
//!
//! No generator is shared between samples, so any number of workers, a resumed run and a cache of
//! the teacher's answers see the same views.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

/// Number of a sample in its source.
pub type SampleId = u64;

/// What a view of a sample depends on, beside the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewKey {
    /// Seed of the run.
    pub seed: u64,
    /// Number of the view, from 1: the epoch where each has views of its own; 0 for samples as they are.
    pub view: u64,
}

impl ViewKey {
    /// The key of samples as they are.
    pub const ORIGINAL: Self = Self { seed: 0, view: 0 };

    pub(crate) fn rng(&self, sample: SampleId, operation: Operation) -> KeyedRng {
        KeyedRng::new(self.seed, self.view, sample, operation)
    }
}

/// What a draw is for: two operations on one sample never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Operation {
    /// Order of the samples in an epoch.
    Shuffle = 1,
    /// Offset of a pad-and-crop.
    Crop = 2,
    /// Horizontal flip or not.
    Flip = 3,
    /// Drawing of a procedural image.
    Draw = 4,
    /// Initial weights of a network.
    Weights = 5,
    /// Random numbers that the device draws in a training step, such as dropout masks.
    Step = 6,
    /// Samples of other classes that a contrastive loss holds a batch apart from.
    Negatives = 7,
    /// Order of the shards in an epoch.
    Shards = 8,
}

/// A generator for one (seed, epoch, sample, operation): ChaCha8 with the four as its key.
#[derive(Debug, Clone)]
pub struct KeyedRng(ChaCha8Rng);

impl KeyedRng {
    /// The generator of one key. Where an operation has no epoch or sample, pass 0.
    pub fn new(seed: u64, epoch: u64, sample: u64, operation: Operation) -> Self {
        let mut key = [0; 32];
        for (part, value) in key.chunks_exact_mut(8).zip([seed, epoch, sample, operation as u64]) {
            part.copy_from_slice(&value.to_le_bytes());
        }
        Self(ChaCha8Rng::from_seed(key))
    }

    /// A number in `[0, bound)`, each as likely as the others up to 2⁻³². `bound` is above zero.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A number in `[0, 1)`.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number in `[low, high)`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A permutation of `0..len` (Fisher and Yates). `len` is below 2³².
    pub fn permutation(&mut self, len: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len as u32).collect();
        for last in (1..len).rev() {
            order.swap(last, self.below(last as u32 + 1) as usize);
        }
        order
    }
}

impl RngCore for KeyedRng {
    fn next_u32(&mut self) -> u32 {
        self.0.next_u32()
    }

    fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn fill_bytes(&mut self, destination: &mut [u8]) {
        self.0.fill_bytes(destination);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_the_same_numbers_everywhere() {
        let mut rng = KeyedRng::new(42, 1, 7, Operation::Crop);
        let drawn: Vec<u32> = (0..6).map(|_| rng.below(9)).collect();
        assert_eq!(drawn, EXPECTED, "a change here changes every run that was ever made");
    }

    const EXPECTED: [u32; 6] = [4, 2, 0, 3, 3, 1];

    #[test]
    fn each_part_of_the_key_counts() {
        let first =
            |key: [u64; 3], operation| KeyedRng::new(key[0], key[1], key[2], operation).next_u64();
        let base = first([1, 2, 3], Operation::Crop);
        for other in [[0, 2, 3], [1, 0, 3], [1, 2, 0]] {
            assert_ne!(base, first(other, Operation::Crop));
        }
        assert_ne!(base, first([1, 2, 3], Operation::Flip));
    }

    #[test]
    fn a_permutation_holds_each_index_once() {
        let mut order = KeyedRng::new(1, 0, 0, Operation::Shuffle).permutation(1000);
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]));
        order.sort_unstable();
        assert!(order.iter().enumerate().all(|(at, index)| at == *index as usize));
    }
}
