//! Batches of an epoch, made ahead of time by worker threads, in an order that does not depend on
//! how many there are.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
};

use crate::{
    Augment, HostBatch, ImageSet,
    augment::ViewKey,
    keyed::{KeyedRng, Operation},
};

/// How many finished batches each worker keeps ready.
const AHEAD: usize = 4;

/// Makes batches from a set of images.
#[derive(Debug, Clone)]
pub struct Loader {
    set: Arc<ImageSet>,
    batch: usize,
    /// Seed of order and views, or none for the set as it is.
    seed: Option<u64>,
    augment: Vec<Augment>,
    workers: usize,
}

impl Loader {
    /// The set in its own order and without augmentation: for evaluation.
    ///
    /// # Panics
    /// If `batch` is zero.
    pub fn in_order(set: Arc<ImageSet>, batch: usize) -> Self {
        assert!(batch > 0, "a batch has samples");
        Self { set, batch, seed: None, augment: Vec::new(), workers: 1 }
    }

    /// A new order and new views in each epoch: for training. The last batch of an epoch may be
    /// smaller.
    ///
    /// # Panics
    /// If `batch` is zero.
    pub fn shuffled(set: Arc<ImageSet>, batch: usize, seed: u64, augment: Vec<Augment>) -> Self {
        Self { seed: Some(seed), augment, ..Self::in_order(set, batch) }
    }

    /// Number of worker threads, at least one. Changes the speed alone.
    #[must_use]
    pub fn with_workers(mut self, workers: usize) -> Self {
        self.workers = workers.max(1);
        self
    }

    /// Batches of one epoch.
    pub fn batches(&self) -> usize {
        self.set.len().div_ceil(self.batch)
    }

    /// Samples of one epoch.
    pub fn samples(&self) -> usize {
        self.set.len()
    }

    /// The batches of `epoch` (from 1), starting with batch `first` (from 0).
    pub fn epoch(&self, epoch: u64, first: usize) -> Epoch {
        let order = Arc::new(self.order(epoch));
        let workers = self.workers.min(self.batches().saturating_sub(first)).max(1);
        let receivers = (0..workers)
            .map(|worker| {
                let (sender, receiver) = sync_channel(AHEAD);
                let (loader, order) = (self.clone(), order.clone());
                thread::spawn(move || {
                    for index in (first + worker..loader.batches()).step_by(workers) {
                        // The other side hung up: the epoch was left early.
                        if sender.send(loader.make(epoch, index, &order)).is_err() {
                            break;
                        }
                    }
                });
                receiver
            })
            .collect();
        Epoch { receivers, next: 0 }
    }

    fn order(&self, epoch: u64) -> Vec<u32> {
        match self.seed {
            Some(seed) => {
                KeyedRng::new(seed, epoch, 0, Operation::Shuffle).permutation(self.set.len())
            }
            None => (0..self.set.len() as u32).collect(),
        }
    }

    fn make(&self, epoch: u64, index: usize, order: &[u32]) -> HostBatch {
        let end = order.len().min((index + 1) * self.batch);
        let samples = order[index * self.batch..end].to_vec();
        let shape = self.set.shape();
        let mut images = Vec::with_capacity(samples.len() * shape.bytes());
        for sample in &samples {
            let start = images.len();
            images.extend_from_slice(self.set.image(*sample as usize));
            if let Some(seed) = self.seed {
                let key = ViewKey { seed, epoch, sample: u64::from(*sample) };
                for augment in &self.augment {
                    augment.apply(&mut images[start..], shape, key);
                }
            }
        }
        let label = |sample: &u32| i32::from(self.set.label(*sample as usize));
        let labels = samples.iter().map(label).collect();
        HostBatch { index, samples, images, labels, shape }
    }
}

/// The batches of one epoch, in order.
#[derive(Debug)]
pub struct Epoch {
    receivers: Vec<Receiver<HostBatch>>,
    next: usize,
}

impl Iterator for Epoch {
    type Item = HostBatch;

    fn next(&mut self) -> Option<HostBatch> {
        let receiver = &self.receivers[self.next % self.receivers.len()];
        self.next += 1;
        receiver.recv().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageShape;

    fn set() -> Arc<ImageSet> {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let images = (0..11_u8).flat_map(|i| [i, i + 100, i, i]).collect();
        Arc::new(ImageSet::new(shape, images, (0..11).collect()))
    }

    fn shuffled(workers: usize) -> Loader {
        let augment = vec![Augment::PadCrop(1), Augment::Flip];
        Loader::shuffled(set(), 3, 7, augment).with_workers(workers)
    }

    #[test]
    fn each_sample_comes_once_an_epoch() {
        let batches: Vec<HostBatch> = shuffled(1).epoch(1, 0).collect();
        let sizes: Vec<usize> = batches.iter().map(HostBatch::len).collect();
        assert_eq!(sizes, [3, 3, 3, 2]);
        let mut samples: Vec<u32> = batches.iter().flat_map(|b| b.samples.clone()).collect();
        assert_ne!(samples, (0..11).collect::<Vec<_>>());
        samples.sort_unstable();
        assert_eq!(samples, (0..11).collect::<Vec<_>>());
    }

    #[test]
    fn the_number_of_workers_and_the_start_change_nothing() {
        let all: Vec<HostBatch> = shuffled(1).epoch(2, 0).collect();
        for workers in [2, 3, 8] {
            assert_eq!(shuffled(workers).epoch(2, 0).collect::<Vec<_>>(), all);
            assert_eq!(shuffled(workers).epoch(2, 2).collect::<Vec<_>>(), all[2..]);
        }
        assert_eq!(shuffled(2).epoch(2, 4).count(), 0);
        assert_ne!(shuffled(1).epoch(3, 0).collect::<Vec<_>>(), all);
    }

    #[test]
    fn evaluation_sees_the_set_as_it_is() {
        let images: Vec<u8> =
            Loader::in_order(set(), 4).epoch(1, 0).flat_map(|b| b.images).collect();
        assert_eq!(images[..8], [0, 100, 0, 0, 1, 101, 1, 1]);
        assert_eq!(images.len(), 44);
    }
}
