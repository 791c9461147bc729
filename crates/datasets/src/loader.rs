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

use crate::{DataError, HostBatch, Order, Part, Relabelled, Source, keyed::ViewKey};

/// How many finished batches each worker keeps ready.
const AHEAD: usize = 4;

/// Data loader: batches from a source.
#[derive(Debug, Clone)]
pub struct Loader {
    source: Arc<dyn Source>,
    batch: usize,
    /// Seed of order and views, or none for the source as it is.
    seed: Option<u64>,
    window: usize,
    views: Option<u64>,
    workers: usize,
}

impl Loader {
    /// The samples in their own order and as they are: for evaluation.
    ///
    /// # Panics
    /// If `batch` is zero.
    pub fn in_order(source: Arc<dyn Source>, batch: usize) -> Self {
        assert!(batch > 0, "a batch has samples");
        Self { source, batch, seed: None, window: 1, views: None, workers: 1 }
    }

    /// A new order and new views in each epoch: for training. The last batch of an epoch may be
    /// smaller.
    ///
    /// # Panics
    /// If `batch` is zero.
    pub fn shuffled(source: Arc<dyn Source>, batch: usize, seed: u64) -> Self {
        Self { seed: Some(seed), ..Self::in_order(source, batch) }
    }

    /// The same samples in their own order and as they are, in batches of `batch`.
    ///
    /// # Panics
    /// If `batch` is zero.
    #[must_use]
    pub fn as_they_are(&self, batch: usize) -> Self {
        Self { workers: self.workers, ..Self::in_order(self.source.clone(), batch) }
    }

    /// The same samples with the class that `to` has for each one's own; a class without one is an error of its
    /// batch.
    #[must_use]
    pub fn relabelled(self, to: &[u32]) -> Self {
        Self { source: Arc::new(Relabelled::new(self.source.clone(), to.to_vec())), ..self }
    }

    /// Shards whose samples are mixed, at least one: a reader needs as many at a time. Default 1.
    #[must_use]
    pub fn with_window(self, window: usize) -> Self {
        Self { window, ..self }
    }

    /// Number of augmented views of a sample: epoch by epoch they come in turn, from the first one again
    /// after the last. Without it each epoch has a view of its own.
    ///
    /// # Panics
    /// If `views` is zero.
    #[must_use]
    pub fn with_views(mut self, views: u64) -> Self {
        assert!(views > 0, "a sample has a view");
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
        self.samples().div_ceil(self.batch)
    }

    /// Samples of one epoch.
    pub fn samples(&self) -> usize {
        self.source.samples() as usize
    }

    /// Samples of a full batch.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// The view that `epoch` (from 1) shows: from 1, or 0 for samples as they are.
    pub fn view(&self, epoch: u64) -> u64 {
        match (self.seed, self.views) {
            (None, _) => 0,
            (Some(_), None) => epoch,
            (Some(_), Some(views)) => (epoch - 1) % views + 1,
        }
    }

    /// The batches of `epoch` (from 1), starting with batch `from` (from 0), and of each the share of one process.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a source whose shards overlap, a window without shards and a rank beyond the
    /// number of processes.
    pub fn epoch(&self, epoch: u64, from: u64, part: Part) -> Result<Epoch, DataError> {
        part.of(self.batch)?;
        let (batches, order) = (self.batches() as u64, Arc::new(self.order(epoch)?));
        let workers = (self.workers as u64).min(batches.saturating_sub(from)).max(1);
        let mut receivers = Vec::new();
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(AHEAD);
            let (loader, order) = (self.clone(), order.clone());
            thread::spawn(move || {
                for index in (from + worker..batches).step_by(workers as usize) {
                    // The other side hung up: the epoch was left early.
                    if sender.send(loader.make(epoch, index, part, &order)).is_err() {
                        break;
                    }
                }
            });
            receivers.push(receiver);
        }
        Ok(Epoch { epoch, receivers, from, next: from, batches, waited: Duration::ZERO })
    }

    /// One batch of `epoch` (from 1), by its place in it; none beyond the last. The order of the epoch is computed for
    /// it alone: [`epoch`](Self::epoch) is faster for several.
    ///
    /// # Errors
    /// As those of [`epoch`](Self::epoch), and of the source.
    pub fn one(&self, epoch: u64, index: u64) -> Result<Option<HostBatch>, DataError> {
        match index < self.batches() as u64 {
            true => self.make(epoch, index, Part::whole(), &self.order(epoch)?).map(Some),
            false => Ok(None),
        }
    }

    /// The order of the samples in `epoch`.
    ///
    /// # Errors
    /// [`DataError::Setting`] for a source whose shards overlap and a window without shards.
    pub fn order(&self, epoch: u64) -> Result<Order, DataError> {
        match self.seed {
            Some(seed) => Order::shuffled(seed, epoch, self.source.shards(), self.window),
            None => Order::ascending(self.source.shards()),
        }
    }

    fn make(
        &self,
        epoch: u64,
        index: u64,
        part: Part,
        order: &Order,
    ) -> Result<HostBatch, DataError> {
        let start = index * self.batch as u64;
        let whole = order.ids(start..start + self.batch as u64);
        let samples = whole[part.of(whole.len())?].to_vec();
        let key = match self.seed {
            Some(seed) => ViewKey { seed, view: self.view(epoch) },
            None => ViewKey::ORIGINAL,
        };
        let mut batch = HostBatch::unread(index, key.view, samples);
        let ids = std::mem::take(&mut batch.samples);
        self.source.read(&ids, key, &mut batch)?;
        batch.samples = ids;
        batch.check_rows()?;
        Ok(batch)
    }
}

/// The batches of one epoch, in order. The first error ends it.
#[derive(Debug)]
pub struct Epoch {
    epoch: u64,
    receivers: Vec<Receiver<Result<HostBatch, DataError>>>,
    from: u64,
    next: u64,
    batches: u64,
    waited: Duration,
}

impl Epoch {
    /// Time that was spent waiting for batches so far.
    pub fn waited(&self) -> Duration {
        self.waited
    }
}

impl Iterator for Epoch {
    type Item = Result<HostBatch, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        if index >= self.batches {
            return None;
        }
        let receiver =
            &self.receivers[((index - self.from) % self.receivers.len() as u64) as usize];
        let asked = Instant::now();
        let batch = receiver.recv().unwrap_or_else(|_| {
            let place = format!("batch {index} of epoch {}", self.epoch);
            Err(DataError::batch(place, "the thread that reads it has failed", "a batch"))
        });
        self.waited += asked.elapsed();
        self.next = if batch.is_ok() { index + 1 } else { self.batches };
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::*;
    use crate::{Augment, Augmented, HostInput, ImageSet, ImageShape, Targets, keyed::SampleId};

    fn set() -> Arc<ImageSet> {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let images = (0..11_u8).flat_map(|i| [i, i + 100, i, i]).collect();
        Arc::new(ImageSet::new(shape, images, (0..11).collect()))
    }

    fn shuffled(workers: usize) -> Loader {
        let augment = vec![Augment::PadCrop(1), Augment::Flip];
        let source = Arc::new(Augmented::new(set(), augment));
        Loader::shuffled(source, 3, 7).with_workers(workers)
    }

    fn all(loader: &Loader, epoch: u64, from: u64) -> Vec<HostBatch> {
        let batches = loader.epoch(epoch, from, Part::whole()).expect("the shards are in order");
        batches.collect::<Result<_, _>>().expect("the samples are there")
    }

    fn pixels(batch: &HostBatch) -> &[u8] {
        match &batch.input {
            HostInput::Images { pixels, .. } => pixels,
            HostInput::Tokens { .. } => panic!("these are images"),
        }
    }

    #[test]
    fn each_sample_comes_once_an_epoch() {
        let batches = all(&shuffled(1), 1, 0);
        let sizes: Vec<usize> = batches.iter().map(HostBatch::len).collect();
        assert_eq!(sizes, [3, 3, 3, 2]);
        let mut samples: Vec<u64> = batches.iter().flat_map(|b| b.samples.clone()).collect();
        assert_ne!(samples, (0..11).collect::<Vec<_>>());
        samples.sort_unstable();
        assert_eq!(samples, (0..11).collect::<Vec<_>>());
    }

    #[test]
    fn the_number_of_workers_and_the_start_change_nothing() {
        let whole = all(&shuffled(1), 2, 0);
        for workers in [2, 3, 8] {
            assert_eq!(all(&shuffled(workers), 2, 0), whole);
            assert_eq!(all(&shuffled(workers), 2, 2), whole[2..]);
        }
        assert_eq!(all(&shuffled(2), 2, 4), []);
        assert_ne!(all(&shuffled(1), 3, 0), whole);
        assert_eq!(shuffled(1).one(2, 3).unwrap().as_ref(), Some(&whole[3]));
        assert_eq!(shuffled(1).one(2, 4).unwrap(), None);
    }

    #[test]
    fn the_parts_of_all_ranks_are_the_batches() {
        let whole = all(&shuffled(1), 2, 1);
        let mut parts = Vec::new();
        for rank in 0..2 {
            let epoch = shuffled(2).epoch(2, 1, Part { rank, world: 2 }).unwrap();
            parts.push(epoch.collect::<Result<Vec<_>, _>>().unwrap());
        }
        for (at, whole) in whole.iter().enumerate() {
            let samples = [&parts[0][at], &parts[1][at]].map(|part| part.samples.clone());
            assert_eq!(samples.concat(), whole.samples);
            let read = [pixels(&parts[0][at]), pixels(&parts[1][at])].concat();
            assert_eq!(read, pixels(whole));
        }
        assert!(shuffled(1).epoch(1, 0, Part { rank: 2, world: 2 }).is_err());
    }

    #[test]
    fn views_come_in_turn_and_each_epoch_has_its_own_order() {
        let loader = shuffled(2).with_views(2);
        let images = |loader: &Loader, epoch| {
            let mut images: Vec<(u64, Vec<u8>)> = Vec::new();
            for batch in all(loader, epoch, 0) {
                let parts = pixels(&batch).chunks(4).map(<[u8]>::to_vec);
                images.extend(batch.samples.iter().copied().zip(parts));
            }
            images.sort();
            images
        };
        assert_eq!([1, 2, 3, 4].map(|epoch| loader.view(epoch)), [1, 2, 1, 2]);
        assert_eq!(images(&loader, 1), images(&loader, 3));
        assert_ne!(images(&loader, 1), images(&loader, 2));
        let order = |epoch| loader.order(epoch).unwrap().ids(0..11);
        assert_ne!(order(1), order(3));
        assert_eq!(images(&loader, 2), images(&shuffled(1), 2));
        assert_eq!(Loader::in_order(set(), 4).view(3), 0);
    }

    #[test]
    fn evaluation_sees_the_set_as_it_is() {
        let batches = all(&Loader::in_order(set(), 4), 1, 0);
        let images: Vec<u8> = batches.iter().flat_map(pixels).copied().collect();
        assert_eq!(images[..8], [0, 100, 0, 0, 1, 101, 1, 1]);
        assert_eq!(images.len(), 44);
    }

    /// Three shards, of which the samples from 7 cannot be read and those from 9 bring the reader down.
    #[derive(Debug)]
    struct Faulty([Range<SampleId>; 3]);

    impl Source for Faulty {
        fn shards(&self) -> &[Range<SampleId>] {
            &self.0
        }

        fn read(
            &self,
            ids: &[SampleId],
            _: ViewKey,
            into: &mut HostBatch,
        ) -> Result<(), DataError> {
            assert!(ids.iter().all(|id| *id < 9), "a reader that fails");
            if let Some(id) = ids.iter().find(|id| **id >= 7) {
                return Err(DataError::batch("a shard", format!("no sample {id}"), "all of them"));
            }
            into.targets = Targets::Classes(ids.iter().map(|id| *id as i32).collect());
            Ok(())
        }

        fn identity(&self) -> &str {
            "faulty"
        }
    }

    #[test]
    fn an_error_and_a_panic_of_a_reader_end_the_epoch_with_an_error() {
        for (last, expected) in [(9, "no sample 7"), (12, "the thread that reads it has failed")] {
            let source = Arc::new(Faulty([0..3, 3..4, last - 3..last]));
            let loader = Loader::in_order(source, 2).with_workers(2);
            let mut epoch = loader.epoch(1, 0, Part::whole()).unwrap();
            let mut read = Vec::new();
            let error = loop {
                match epoch.next().expect("an error comes before the end") {
                    Ok(batch) => read.extend(batch.samples),
                    Err(error) => break error.to_string(),
                }
            };
            assert!(error.contains(expected), "{error}");
            assert!(read.len() >= 4 && epoch.next().is_none(), "{read:?}");
        }
        let overlapping = Loader::in_order(Arc::new(Faulty([0..3, 2..4, 4..5])), 2);
        assert!(overlapping.epoch(1, 0, Part::whole()).is_err());
        assert!(Loader::shuffled(set(), 3, 1).with_window(0).order(1).is_err());
    }
}
