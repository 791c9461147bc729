//! Batches of an epoch, made ahead of time by worker threads, in an order that does not depend on
//! how many there are.

use std::{
    sync::{
        Arc,
        mpsc::{Receiver, sync_channel},
    },
    thread,
    time::{Duration, Instant},
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
    views: Option<u64>,
    workers: usize,
}

impl Loader {
    /// The set in its own order and without augmentation: for evaluation.
    ///
    /// # Panics
    /// If `batch` is zero.
    pub fn in_order(set: Arc<ImageSet>, batch: usize) -> Self {
        assert!(batch > 0, "a batch has samples");
        Self { set, batch, seed: None, augment: Vec::new(), views: None, workers: 1 }
    }

    /// A new order and new views in each epoch: for training. The last batch of an epoch may be
    /// smaller.
    ///
    /// # Panics
    /// If `batch` is zero.
    pub fn shuffled(set: Arc<ImageSet>, batch: usize, seed: u64, augment: Vec<Augment>) -> Self {
        Self { seed: Some(seed), augment, ..Self::in_order(set, batch) }
    }

    /// The same images with the label that `to` has for each one's own.
    ///
    /// # Panics
    /// Where a label is no index of `to`.
    #[must_use]
    pub fn relabelled(self, to: &[u16]) -> Self {
        Self { set: Arc::new(self.set.as_ref().clone().relabelled(to)), ..self }
    }

    /// Number of random views that an image has: epoch by epoch they come in turn, from the first one again
    /// after the last. Without it each epoch has a view of its own.
    ///
    /// # Panics
    /// If `views` is zero.
    #[must_use]
    pub fn with_views(mut self, views: u64) -> Self {
        assert!(views > 0, "an image has a view");
        self.views = Some(views);
        self
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

    /// Samples of a full batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The view that `epoch` (from 1) shows: from 1, or 0 for the set as it is.
    pub fn view(&self, epoch: u64) -> u64 {
        match (self.seed, self.views) {
            (None, _) => 0,
            (Some(_), None) => epoch,
            (Some(_), Some(views)) => (epoch - 1) % views + 1,
        }
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
        Epoch { receivers, next: 0, waited: Duration::ZERO }
    }

    /// Index of each sample in its set, in the order of `epoch`.
    pub fn order(&self, epoch: u64) -> Vec<u32> {
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
        let view = self.view(epoch);
        let mut images = Vec::with_capacity(samples.len() * shape.bytes());
        for sample in &samples {
            let start = images.len();
            images.extend_from_slice(self.set.image(*sample as usize));
            if let Some(seed) = self.seed {
                let key = ViewKey { seed, view, sample: u64::from(*sample) };
                for augment in &self.augment {
                    augment.apply(&mut images[start..], shape, key);
                }
            }
        }
        let label = |sample: &u32| i32::from(self.set.label(*sample as usize));
        let labels = samples.iter().map(label).collect();
        HostBatch { index, view, samples, images, labels, shape }
    }
}

/// The batches of one epoch, in order.
#[derive(Debug)]
pub struct Epoch {
    receivers: Vec<Receiver<HostBatch>>,
    next: usize,
    waited: Duration,
}

impl Epoch {
    /// Time that was spent waiting for batches so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Epoch {
    type Item = HostBatch;

    fn next(&mut self) -> Option<HostBatch> {
        let receiver = &self.receivers[self.next % self.receivers.len()];
        self.next += 1;
        let asked = Instant::now();
        let batch = receiver.recv().ok();
        self.waited += asked.elapsed();
        batch
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
    fn views_come_in_turn_and_each_epoch_has_its_own_order() {
        let loader = shuffled(2).with_views(2);
        let images = |loader: &Loader, epoch| {
            let mut images: Vec<(u32, Vec<u8>)> = loader
                .epoch(epoch, 0)
                .flat_map(|b| {
                    b.samples
                        .into_iter()
                        .zip(b.images.chunks(4).map(<[u8]>::to_vec).collect::<Vec<_>>())
                })
                .collect();
            images.sort();
            images
        };
        assert_eq!([1, 2, 3, 4].map(|epoch| loader.view(epoch)), [1, 2, 1, 2]);
        assert_eq!(images(&loader, 1), images(&loader, 3));
        assert_ne!(images(&loader, 1), images(&loader, 2));
        assert_ne!(loader.order(1), loader.order(3));
        assert_eq!(images(&loader, 2), images(&shuffled(1), 2));
        assert_eq!(Loader::in_order(set(), 4).view(3), 0);
    }

    #[test]
    fn evaluation_sees_the_set_as_it_is() {
        let images: Vec<u8> =
            Loader::in_order(set(), 4).epoch(1, 0).flat_map(|b| b.images).collect();
        assert_eq!(images[..8], [0, 100, 0, 0, 1, 101, 1, 1]);
        assert_eq!(images.len(), 44);
    }
}
