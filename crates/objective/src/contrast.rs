//! Which samples a contrastive loss holds apart.

use burn::tensor::{Int, Tensor};
use rand_core::RngCore;

/// Places in the memory banks of a contrastive loss.
#[derive(Debug, Clone)]
pub struct Contrast {
    /// Samples that the banks hold: those of the training set.
    pub samples: usize,
    /// Index of each sample of the batch in the training set, `[batch]`, each once.
    pub positives: Tensor<1, Int>,
    /// Indices of samples of other classes for each, `[batch, negatives]`.
    pub negatives: Tensor<2, Int>,
}

/// Draws samples of other classes.
#[derive(Debug, Clone)]
pub struct Negatives {
    /// Samples in the order of their classes.
    by_class: Vec<i32>,
    /// Where each class begins and ends there.
    ranges: Vec<(usize, usize)>,
}

impl Negatives {
    /// Of a training set with these labels, each below `classes`.
    pub fn new(labels: &[i32], classes: usize) -> Self {
        let mut of_class = vec![Vec::new(); classes];
        for (index, label) in labels.iter().enumerate() {
            of_class[*label as usize].push(index as i32);
        }
        let mut ranges = Vec::with_capacity(classes);
        let mut by_class = Vec::with_capacity(labels.len());
        for samples in of_class {
            ranges.push((by_class.len(), by_class.len() + samples.len()));
            by_class.extend(samples);
        }
        Self { by_class, ranges }
    }

    /// Samples of the set.
    pub fn samples(&self) -> usize {
        self.by_class.len()
    }

    /// For each of `labels` so many indices of samples of other classes, one label after the other, drawn
    /// with replacement; of the sample's own class where there is no other.
    pub fn draw(&self, labels: &[i32], count: usize, rng: &mut impl RngCore) -> Vec<i32> {
        let mut drawn = Vec::with_capacity(labels.len() * count);
        for label in labels {
            let (begin, end) = self.ranges[*label as usize];
            let others = self.by_class.len() - (end - begin);
            for _ in 0..count {
                let bound = if others == 0 { self.by_class.len() } else { others };
                let at = ((u64::from(rng.next_u32()) * bound as u64) >> 32) as usize;
                let at = if others > 0 && at >= begin { at + end - begin } else { at };
                drawn.push(self.by_class[at]);
            }
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counter(u32);

    impl RngCore for Counter {
        fn next_u32(&mut self) -> u32 {
            self.0 = self.0.wrapping_add(0x1234_5679);
            self.0
        }

        fn next_u64(&mut self) -> u64 {
            u64::from(self.next_u32())
        }

        fn fill_bytes(&mut self, _: &mut [u8]) {
            unreachable!("numbers are drawn one by one")
        }
    }

    #[test]
    fn every_sample_of_another_class_is_drawn_and_no_other() {
        let labels = [2, 0, 1, 0, 2, 2, 1];
        let negatives = Negatives::new(&labels, 3);
        let drawn = negatives.draw(&[0, 2], 500, &mut Counter(0));
        for (label, drawn) in [0, 2].into_iter().zip(drawn.chunks(500)) {
            for (index, other) in labels.iter().enumerate() {
                assert_eq!(drawn.contains(&(index as i32)), *other != label, "{label}, {index}");
            }
        }
        let alone = Negatives::new(&[0, 0], 1).draw(&[0], 9, &mut Counter(0));
        assert!(alone.iter().all(|index| [0, 1].contains(index)));
    }
}
