//! Which samples a contrastive loss holds apart.

use burn::tensor::{Int, Tensor};

use crate::SignalError;

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

impl Contrast {
    /// Refuses places that do not fit the batch; unless they are known to be `in_range`, those outside the banks too.
    pub(crate) fn check(&self, in_range: bool) -> Result<(), SignalError> {
        let ([batch], [rows, count]) = (self.positives.dims(), self.negatives.dims());
        if batch != rows || count == 0 {
            return Err(SignalError::Contrast {
                problem: format!("{batch} samples and negatives {:?}", [rows, count]),
                expected: format!("negatives [{batch}, K], K of at least 1"),
            });
        }
        let places = if in_range { Vec::new() } else { self.places() };
        match places.into_iter().find(|place| !(0..self.samples as i64).contains(place)) {
            Some(place) => Err(SignalError::Contrast {
                problem: format!("place {place}"),
                expected: format!(
                    "places from 0 to {} of the banks",
                    self.samples.saturating_sub(1)
                ),
            }),
            None => Ok(()),
        }
    }

    fn places(&self) -> Vec<i64> {
        let read = [self.positives.to_data(), self.negatives.to_data()];
        read.iter().flat_map(|places| places.iter::<i64>()).collect()
    }
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
    /// with replacement; of the sample's own class where there is no other. `random` gives any of the 2³² numbers, each
    /// as likely as the others: a generator's `|| rng.next_u32()`.
    pub fn draw(&self, labels: &[i32], count: usize, mut random: impl FnMut() -> u32) -> Vec<i32> {
        let mut drawn = Vec::with_capacity(labels.len() * count);
        for label in labels {
            let (begin, end) = self.ranges[*label as usize];
            let others = self.by_class.len() - (end - begin);
            for _ in 0..count {
                let bound = if others == 0 { self.by_class.len() } else { others };
                let at = ((u64::from(random()) * bound as u64) >> 32) as usize;
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

    fn counter() -> impl FnMut() -> u32 {
        let mut last = 0_u32;
        move || {
            last = last.wrapping_add(0x1234_5679);
            last
        }
    }

    #[test]
    fn every_sample_of_another_class_is_drawn_and_no_other() {
        let labels = [2, 0, 1, 0, 2, 2, 1];
        let negatives = Negatives::new(&labels, 3);
        let drawn = negatives.draw(&[0, 2], 500, counter());
        for (label, drawn) in [0, 2].into_iter().zip(drawn.chunks(500)) {
            for (index, other) in labels.iter().enumerate() {
                assert_eq!(drawn.contains(&(index as i32)), *other != label, "{label}, {index}");
            }
        }
        let alone = Negatives::new(&[0, 0], 1).draw(&[0], 9, counter());
        assert!(alone.iter().all(|index| [0, 1].contains(index)));
    }
}
