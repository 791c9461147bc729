//! Images of a folder, decoded on every core.

use std::{
    fs,
    path::Path,
    sync::mpsc::channel,
    thread,
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::{
    FolderConfig, FolderSummary, ImageFolder, Splits, Take, Unreadable,
    decode::decode,
    decoded::{Decoded, Outcome},
    listing::{Listing, Sample, list},
};
use crate::{DataError, ImageSet, ImageTransform, LoadEvent, LoadProgress, SourceFile};

/// Larger files are no images: bytes.
const LARGEST_FILE: u64 = 1 << 30;
/// Bytes that decoding takes beside the images.
const WORKING: u64 = 64 << 20;
/// Time between two reports of progress.
const PACE: Duration = Duration::from_millis(100);

pub(super) fn read(
    root: &Path,
    config: &FolderConfig,
    progress: LoadProgress<'_>,
) -> Result<ImageFolder, DataError> {
    let Listing { classes, mut train, validation, mut test, folders, unused, left_out } =
        list(root, config)?;
    let mut available = train.len();
    let skip = config.unreadable == Unreadable::Skip;
    // Where files may be left out, the numbers are not known before.
    if !skip {
        train = taken(train, &config.take, validation.is_some());
        test.truncate(config.take.test.unwrap_or(usize::MAX));
    }
    if config.splits == Splits::Test {
        train.clear();
    }
    let mut reading = Reading {
        config,
        files: Vec::new(),
        summary: FolderSummary {
            root: root.to_owned(),
            folders,
            unused,
            left_out,
            ..FolderSummary::default()
        },
        done: 0,
        total: train.len() + validation.as_ref().map_or(0, Vec::len) + test.len(),
    };
    reading.check_memory(root)?;
    let train = reading.split(&train, progress)?;
    let validation = match validation {
        Some(samples) => Some(reading.split(&samples, progress)?),
        None => None,
    };
    let mut test = reading.split(&test, progress)?;
    let Reading { files, summary, .. } = reading;
    if skip {
        test = test.first(config.take.test.unwrap_or(usize::MAX).min(test.len()));
        available = train.len();
    }
    let mut classes_left = config.splits == Splits::Test;
    classes_left |= (0..classes.len() as u32).all(|class| train.labels().contains(&class));
    if !summary.unreadable.is_empty() && (!skip || !classes_left || test.is_empty()) {
        return Err(DataError::Unreadable { files: summary.unreadable, skip });
    }
    Ok(ImageFolder { train, validation, test, available, classes, files, summary })
}

/// The training images that are used: the first ones, and the last ones that are held out.
fn taken(mut train: Vec<Sample>, take: &Take, validation_folder: bool) -> Vec<Sample> {
    let Some(first) = take.train else { return train };
    let all = train.len();
    let last = match validation_folder {
        true => 0,
        false => take.validation.unwrap_or((all / 10).max(1)).min(all),
    };
    if first.checked_add(last).is_some_and(|used| used < all) {
        train.drain(first..all - last);
    }
    train
}

/// What is known of the folder so far.
struct Reading<'a> {
    config: &'a FolderConfig,
    files: Vec<SourceFile>,
    summary: FolderSummary,
    done: usize,
    total: usize,
}

impl Reading<'_> {
    fn check_memory(&self, root: &Path) -> Result<(), DataError> {
        let images = self.total as u64 * self.config.transform.shape.bytes() as u64;
        let needs = images + WORKING;
        match self.config.free_memory.filter(|free| needs > *free) {
            Some(free) => {
                let (path, images) = (root.to_owned(), self.total);
                Err(DataError::Memory { path, images, needs, free })
            }
            None => Ok(()),
        }
    }

    /// The images of one split. Those that do not decode are noted and left out.
    fn split(
        &mut self,
        samples: &[Sample],
        progress: LoadProgress<'_>,
    ) -> Result<ImageSet, DataError> {
        let shape = self.config.transform.shape;
        let size = shape.bytes();
        let mut bytes = vec![0; samples.len() * size];
        let decoded = self.config.decoded.as_deref();
        let decoded =
            decoded.and_then(|folder| Decoded::of(folder, samples, &self.config.transform));
        let outcomes = match decoded.as_ref().and_then(|decoded| decoded.read(&mut bytes)) {
            Some(outcomes) if outcomes.len() == samples.len() => {
                self.done += samples.len();
                outcomes
            }
            _ => {
                let started = Instant::now();
                let outcomes = self.decode_all(samples, &mut bytes, progress);
                if let Some(decoded) = decoded {
                    decoded.store(&bytes, outcomes.clone(), started.elapsed());
                }
                outcomes
            }
        };
        let mut labels = Vec::with_capacity(samples.len());
        for (index, outcome) in outcomes.into_iter().enumerate() {
            let (path, label) = &samples[index];
            match outcome {
                Ok((sha256, dimensions)) => {
                    let to = labels.len() * size;
                    bytes.copy_within(index * size..(index + 1) * size, to);
                    labels.push(*label);
                    self.files.push(SourceFile { path: path.clone(), sha256 });
                    *self.summary.sizes.entry(dimensions).or_default() += 1;
                }
                Err(problem) => self.summary.unreadable.push((path.clone(), problem)),
            }
        }
        bytes.truncate(labels.len() * size);
        Ok(ImageSet::new(shape, bytes, labels))
    }

    fn decode_all(
        &mut self,
        samples: &[Sample],
        bytes: &mut [u8],
        progress: LoadProgress<'_>,
    ) -> Vec<Outcome> {
        let transform = &self.config.transform;
        let size = transform.shape.bytes();
        let workers = thread::available_parallelism().map_or(1, usize::from);
        let share = samples.len().div_ceil(workers).max(1);
        let (sender, receiver) = channel();
        let mut outcomes: Vec<Outcome> = vec![Err(String::new()); samples.len()];
        thread::scope(|scope| {
            let shares = samples.chunks(share).zip(bytes.chunks_mut(share * size));
            for (worker, (samples, bytes)) in shares.enumerate() {
                let sender = sender.clone();
                scope.spawn(move || {
                    let places = bytes.chunks_exact_mut(size).zip(samples).enumerate();
                    for (at, (place, (path, _))) in places {
                        let outcome = read_into(place, path, transform);
                        // The other side is there until all are done.
                        let _ = sender.send((worker * share + at, outcome));
                    }
                });
            }
            drop(sender);
            let mut reported = Instant::now();
            for (index, outcome) in receiver {
                outcomes[index] = outcome;
                self.done += 1;
                if reported.elapsed() >= PACE {
                    progress(LoadEvent::Reading { done: self.done, total: self.total });
                    reported = Instant::now();
                }
            }
        });
        outcomes
    }
}

fn read_into(place: &mut [u8], path: &Path, transform: &ImageTransform) -> Outcome {
    let file = whole(path)?;
    let (pixels, dimensions) = decode(&file, transform)?;
    place.copy_from_slice(&pixels);
    Ok((hex::encode(Sha256::digest(&file)), dimensions))
}

fn whole(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |e: std::io::Error| format!("a file that cannot be read ({e})");
    match fs::metadata(path).map_err(unreadable)?.len() {
        length if length > LARGEST_FILE => Err(format!("a file of {length} bytes")),
        _ => fs::read(path).map_err(unreadable),
    }
}
