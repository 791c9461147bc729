//! The teacher cache: outputs of the teacher on disk, computed once and read by every later run.
//!
//! A view of the training images is stored in the order and in the batches of the epoch that shows it first,
//! so that a run with one view an epoch reads exactly what a live teacher would have computed in its place: a
//! matrix product may round an image's numbers in another way in another batch.

mod config;
mod entry;
mod fill;
mod manage;
mod record;
mod shard;

use std::{
    collections::{HashMap, hash_map},
    fs::File,
    io,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use burn::tensor::{Device, Tensor, TensorData};
use distill_datasets::{Loader, Order, SampleId};
use distill_models::Feature;

pub use config::{CacheConfig, Stored};
pub use entry::CacheRecord;
pub use fill::CacheRequest;
pub use manage::{CacheEntry, CacheFault, Cleared, cache_clear, cache_list, cache_verify};

use crate::DriverError;
use entry::Entry;
use record::RecordLayout;

/// Teacher outputs on disk, all that a training needs: made by [`CacheRequest::fill`].
#[derive(Debug)]
pub struct OutputCache {
    entry: Entry,
    layout: RecordLayout,
    /// Knows the order in which a view is stored.
    order: Loader,
    /// The same of samples as they are, view 0.
    plain: Option<Loader>,
    device: Device,
    open: Mutex<Option<OpenView>>,
    _in_use: File,
}

#[derive(Debug)]
struct OpenView {
    view: u64,
    /// Order in which its samples are stored.
    order: Order,
    /// Shards that were read from lately, by their place.
    files: HashMap<u64, File>,
}

/// Files that are open at a time: systems allow a process a thousand or so.
const OPEN_FILES: usize = 128;

impl OutputCache {
    /// The teacher's outputs for an augmented view of these samples, a batch: logits `[batch, classes]`, and features.
    ///
    /// # Errors
    /// [`DriverError`] where a part cannot be read.
    pub fn outputs(
        &self,
        view: u64,
        samples: &[SampleId],
    ) -> Result<(Tensor<2>, Vec<Feature>), DriverError> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let there = match open.take() {
            Some(there) if there.view == view => there,
            _ => self.open_view(view)?,
        };
        let there = open.insert(there);
        let each = self.entry.shard(view, 0).map_or(1, |shard| shard.records);
        let mut record = vec![0; self.layout.bytes()];
        let mut logits = Vec::with_capacity(samples.len() * self.layout.classes);
        let mut taps = vec![Vec::new(); self.layout.taps.len()];
        for sample in samples {
            let place = there.order.position(*sample);
            let shard =
                place.and_then(|place| Some((place, self.entry.shard(view, place / each)?)));
            let Some((place, shard)) = shard else {
                let problem = format!("view {view} has no sample {sample}");
                return Err(damaged(&self.entry.path, &problem));
            };
            let path = || self.entry.shard_path(&shard);
            let read = there
                .file(shard.index, path)
                .and_then(|file| shard.read(file, place % each, &mut record));
            read.map_err(|e| DriverError::io(path())(e))?;
            let decoded = self.layout.decode(&record, &mut logits, &mut taps);
            decoded.ok_or_else(|| damaged(&path(), "it names a class that is not there"))?;
        }
        let rows = samples.len();
        let tensor = TensorData::new(logits, [rows, self.layout.classes]);
        let taps = self.layout.taps.iter().zip(taps).map(|(tap, values)| {
            let [width, height, columns] = tap.dims();
            let shape = [rows, width, height, columns];
            let values = Tensor::from_data(TensorData::new(values, shape), &self.device);
            Feature { name: tap.name.clone(), values, grid: tap.grid }
        });
        Ok((Tensor::from_data(tensor, &self.device), taps.collect()))
    }

    fn open_view(&self, view: u64) -> Result<OpenView, DriverError> {
        let order = match (&self.plain, view) {
            (Some(plain), 0) => plain.order(1)?,
            _ => self.order.order(view)?,
        };
        Ok(OpenView { view, order, files: HashMap::new() })
    }
}

impl OpenView {
    fn file(&mut self, index: u64, path: impl Fn() -> PathBuf) -> io::Result<&File> {
        if self.files.len() == OPEN_FILES && !self.files.contains_key(&index) {
            self.files.clear();
        }
        match self.files.entry(index) {
            hash_map::Entry::Occupied(there) => Ok(there.into_mut()),
            hash_map::Entry::Vacant(free) => Ok(free.insert(File::open(path())?)),
        }
    }
}

fn damaged(path: &Path, problem: &str) -> DriverError {
    DriverError::Folder {
        path: path.to_owned(),
        problem: format!("a damaged part of the teacher cache: {problem}"),
        hint: "run again with `--resume`: what is damaged is computed again".to_owned(),
    }
}
