//! Filling the teacher cache: outputs that are missing or damaged are computed, shard by shard.

use std::{
    collections::BTreeMap,
    fs::File,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use burn::tensor::Device;
use distill_datasets::{HostBatch, Loader, Part};
use distill_objective::TapShape;

use super::{CacheRecord, OutputCache, entry, entry::Entry, record::RecordLayout, shard::ShardId};
use crate::{
    DriverError, Event, Observer,
    store::{create_dir, fingerprint, remove_unfinished},
    teacher::{CacheConfig, Teacher},
};

/// Images of a shard at the most: what a killed process loses.
const SHARD_IMAGES: usize = 8192;
/// Bytes of a shard at the most, for it is put together in memory; a single batch may be more.
const SHARD_BYTES: usize = 64 << 20;
/// Ctrl-C while outputs are computed or checked.
const INTERRUPTED: DriverError = DriverError::Interrupted { stage: "teacher cache" };
/// Pause between two looks at a lock that another process holds.
const POLL: Duration = Duration::from_millis(200);

/// What is asked of a cache.
#[derive(Debug)]
pub struct CacheRequest<'a> {
    /// The cache's folder.
    pub cache: &'a Path,
    /// Precision, classes that are stored, and the limit; the views are those below.
    pub section: &'a CacheConfig,
    /// Number of logits.
    pub classes: usize,
    /// Features that are stored beside logits: the taps selected in the teacher, in its order.
    pub taps: Vec<TapShape>,
    /// A table of everything that the outputs depend on (teacher, data, augmentation, seed), the layout aside.
    pub inputs: serde_json::Value,
    /// The training's batches, with a view of its own for each epoch.
    pub batches: Loader,
    /// How many of these views, from the first one.
    pub views: u64,
    /// Images as they are, one batch of them, that are asked for too.
    pub plain: Option<Loader>,
    /// Where the teacher computes and outputs are put.
    pub device: &'a Device,
}

impl CacheRequest<'_> {
    /// Computes what is not there and opens the cached outputs.
    ///
    /// # Errors
    /// [`DriverError::Interrupted`] with whole shards kept, [`DriverError::TeacherOutput`], and failures of files.
    pub fn fill(
        self,
        teacher: &Teacher,
        interrupt: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<OutputCache, DriverError> {
        let (entry, in_use) = Entry::hold(self.cache, &self.record(), observer)?;
        let mut missing = self.missing(&entry, interrupt, observer)?;
        let mut started = Instant::now();
        if !missing.is_empty() {
            let _lock = wait(&entry, interrupt, observer)?;
            for view in entry::inside(&entry.path)? {
                remove_unfinished(&view);
            }
            // Another process may have filled in what was missing.
            missing.retain(|shard| shard.verify(&entry.shard_path(shard)).is_err());
            self.check_room(&entry, missing.iter().map(ShardId::bytes).sum())?;
            started = Instant::now();
            let (mut done, total) = (0, images(&missing));
            for shard in &missing {
                let path = entry.shard_path(shard);
                create_dir(path.parent().expect("a view's folder"))?;
                let records = self.compute(shard, teacher, interrupt, &mut |images| {
                    done += images;
                    let rate = done as f64 / started.elapsed().as_secs_f64();
                    observer.on(Event::TeacherOutputs { done, total, images_per_second: rate });
                })?;
                shard.write(&path, &records)?;
            }
        }
        let bytes: u64 = self.shards(&entry).map(|shard| shard.bytes()).sum();
        let seconds = started.elapsed().as_secs_f64();
        observer.on(Event::Note(match images(&missing) {
            0 => format!(
                "teacher cache: all {} views are there, the teacher is not run ({}, {})",
                self.views,
                mebibytes(bytes),
                entry.path.display()
            ),
            computed => format!(
                "teacher cache: the teacher computed {computed} images in {seconds:.1} s; {} views are cached \
                 ({}, {})",
                self.views,
                mebibytes(bytes),
                entry.path.display()
            ),
        }));
        let layout = self.layout();
        Ok(OutputCache {
            entry,
            layout,
            order: self.batches,
            plain: self.plain,
            device: self.device.clone(),
            open: Mutex::new(None),
            _in_use: in_use,
        })
    }

    /// Refuses what neither the disk nor the recipe's limit can hold, before the teacher is known. `asked` has what
    /// other networks of the run ask for, by its key, and gets this.
    pub(crate) fn check_early(&self, asked: &mut BTreeMap<String, u64>) -> Result<(), DriverError> {
        let record = self.record();
        let this = without_teacher(&record.inputs);
        for folder in Entry::folders(self.cache)? {
            // The outputs may be there, and take no more room then.
            if Entry::read(&folder).is_ok_and(|old| without_teacher(&old.record.inputs) == this) {
                return Ok(());
            }
        }
        let entry = Entry { path: self.cache.join(&record.key[..16]), record };
        let own = self.shards(&entry).map(|shard| shard.bytes()).sum();
        asked.insert(entry.record.key.clone(), own);
        self.check_room(&entry, asked.values().sum())
    }

    fn check_room(&self, entry: &Entry, needed: u64) -> Result<(), DriverError> {
        let of_a_view: u64 = entry.shards(1).map(|shard| shard.bytes()).sum();
        let refuse = |has: String| DriverError::Folder {
            path: self.cache.to_owned(),
            problem: format!(
                "the teacher cache takes {} more (a view takes {}, {} are asked for), {has}",
                mebibytes(needed),
                mebibytes(of_a_view),
                self.views
            ),
            hint: "fewer `cache.views`, `cache.precision = \"f16\"` or `cache.top_k` take less; \
                   `distill cache clear` makes room; `--cache` names another folder"
                .to_owned(),
        };
        if let Some(limit) = self.section.limit_gib {
            let (limit, there) = ((limit * f64::from(1 << 30)) as u64, entry::size(self.cache)?);
            if there.saturating_add(needed) > limit {
                let (there, limit) = (mebibytes(there), mebibytes(limit));
                return Err(refuse(format!("{there} are there, `cache.limit_gib` allows {limit}")));
            }
        }
        let whole = std::path::absolute(self.cache).map_err(DriverError::io(self.cache))?;
        let there = whole.ancestors().find(|folder| folder.is_dir()).unwrap_or(&whole);
        let free = fs4::available_space(there).map_err(DriverError::io(there))?;
        match free < needed.saturating_add(needed / 20) {
            true => Err(refuse(format!("{} are free", mebibytes(free)))),
            false => Ok(()),
        }
    }

    fn layout(&self) -> RecordLayout {
        RecordLayout::new(self.section, self.classes, self.taps.clone())
    }

    fn record(&self) -> CacheRecord {
        let mut inputs = self.inputs.clone();
        let taps: Vec<_> = self.taps.iter().map(|tap| (tap.name.clone(), tap.dims())).collect();
        let plain_images = self.plain.as_ref().map_or(0, Loader::samples) as u64;
        let fields = [
            ("precision", serde_json::to_value(self.section.precision).expect("a name serialises")),
            ("top_k", self.section.top_k.into()),
            ("taps", serde_json::json!(taps)),
            ("batch", self.batches.batch().into()),
            ("plain_images", plain_images.into()),
        ];
        for (name, value) in fields {
            inputs[name] = value;
        }
        let (record, batch) = (self.layout().bytes(), self.batches.batch());
        let at_most = SHARD_IMAGES.min(SHARD_BYTES / record.max(1));
        CacheRecord {
            key: fingerprint(&inputs),
            inputs,
            images: self.batches.samples() as u64,
            shard_images: ((at_most / batch).max(1) * batch) as u64,
            plain_images,
            image_bytes: record as u64,
        }
    }

    fn shards<'b>(&self, entry: &'b Entry) -> impl Iterator<Item = ShardId> + use<'b> {
        (0..=self.views).flat_map(|view| entry.shards(view))
    }

    /// Shards that are not there, or not whole.
    fn missing(
        &self,
        entry: &Entry,
        interrupt: &AtomicBool,
        observer: &mut dyn Observer,
    ) -> Result<Vec<ShardId>, DriverError> {
        let mut missing = Vec::new();
        for shard in self.shards(entry) {
            if interrupt.load(Ordering::Relaxed) {
                return Err(INTERRUPTED);
            }
            let path = entry.shard_path(&shard);
            let Err(problem) = shard.verify(&path) else { continue };
            if path.exists() {
                observer.on(Event::Note(format!(
                    "warning: {}: a damaged part of the teacher cache ({problem}), computed again",
                    path.display()
                )));
            }
            missing.push(shard);
        }
        Ok(missing)
    }

    fn compute(
        &self,
        shard: &ShardId,
        teacher: &Teacher,
        interrupt: &AtomicBool,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<u8>, DriverError> {
        let layout = self.layout();
        let (batches, first) = match (&self.plain, shard.view) {
            (Some(plain), 0) => (plain, 0),
            _ => (&self.batches, shard.index as usize * self.shard_batches()),
        };
        let mut records = Vec::with_capacity((shard.records * shard.record) as usize);
        let count = (shard.records as usize).div_ceil(batches.batch());
        let epoch = batches.epoch(shard.view.max(1), first as u64, Part::whole())?;
        for batch in epoch.take(count) {
            if interrupt.load(Ordering::Relaxed) {
                return Err(INTERRUPTED);
            }
            let batch = batch?;
            let images = batch.len() as u64;
            self.encode(&layout, teacher, batch, &mut records)?;
            progress(images);
        }
        Ok(records)
    }

    fn shard_batches(&self) -> usize {
        self.record().shard_images as usize / self.batches.batch()
    }

    fn encode(
        &self,
        layout: &RecordLayout,
        teacher: &Teacher,
        batch: HostBatch,
        records: &mut Vec<u8>,
    ) -> Result<(), DriverError> {
        let (view, samples) = (batch.view, batch.samples.clone());
        let input = batch.to_device(self.device)?.input;
        let (logits, taps) = teacher.outputs(input, !self.taps.is_empty())?;
        let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
        let taps: Vec<Vec<f32>> =
            taps.into_iter().map(|tap| tap.values.into_data().iter::<f32>().collect()).collect();
        for (row, sample) in samples.iter().enumerate() {
            let part = |values: &'_ [f32]| {
                let each = values.len() / samples.len();
                row * each..(row + 1) * each
            };
            let features = taps.iter().map(|tap| &tap[part(tap)]);
            layout.encode(&logits[part(&logits)], features, records).map_err(|value| {
                DriverError::TeacherOutput {
                    value,
                    sample: *sample,
                    view,
                    precision: layout.stored.name(),
                }
            })?;
        }
        Ok(())
    }
}

fn without_teacher(inputs: &serde_json::Value) -> serde_json::Value {
    let mut inputs = inputs.clone();
    inputs["teacher"] = serde_json::Value::Null;
    inputs
}

fn images(shards: &[ShardId]) -> u64 {
    shards.iter().map(|shard| shard.records).sum()
}

fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// The right to fill, as soon as no other process has it.
fn wait(
    entry: &Entry,
    interrupt: &AtomicBool,
    observer: &mut dyn Observer,
) -> Result<File, DriverError> {
    let mut told = false;
    loop {
        if let Some(lock) = entry.lock_for_filling()? {
            return Ok(lock);
        }
        if interrupt.load(Ordering::Relaxed) {
            return Err(INTERRUPTED);
        }
        if !std::mem::replace(&mut told, true) {
            let path = entry.path.display();
            observer.on(Event::Note(format!(
                "teacher cache: another process fills {path}, waiting for it"
            )));
        }
        thread::sleep(POLL);
    }
}
