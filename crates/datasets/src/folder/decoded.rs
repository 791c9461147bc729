//! Decoded images on disk: the next command on the same files reads these.

use std::{
    fs,
    io::{Read, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::listing::Sample;
use crate::ImageTransform;

/// Version of decoding and of the files here.
const VERSION: u32 = 1;
/// Splits that are decoded in less are not stored.
const WORTH_STORING: Duration = Duration::from_secs(2);
/// Bytes of all files; the least recently used ones go first.
const LARGEST: u64 = 20 << 30;
const ENDING: &str = "decoded";

/// What came of one file: its sha256 and its width and height, or what is wrong with it.
pub(super) type Outcome = Result<(String, [u32; 2]), String>;

#[derive(Serialize, Deserialize)]
struct Header {
    outcomes: Vec<Outcome>,
    /// sha256 of the pixels.
    pixels: String,
}

/// The decoded images of one split.
#[derive(Debug)]
pub(super) struct Decoded {
    folder: PathBuf,
    file: PathBuf,
}

impl Decoded {
    /// Those of `samples` in `folder`: their name covers the transform and each file's place, size and time.
    pub(super) fn of(
        folder: &Path,
        samples: &[Sample],
        transform: &ImageTransform,
    ) -> Option<Self> {
        let mut hash = Sha256::new();
        hash.update(format!("{VERSION} {transform:?}\n"));
        for (path, _) in samples {
            let meta = fs::metadata(path).ok()?;
            let time = meta.modified().ok()?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
            let path = std::path::absolute(path).ok()?;
            hash.update(format!("{} {time} {} {}\n", meta.len(), changed(&meta), path.display()));
        }
        let name = hex::encode(hash.finalize());
        let file = folder.join(&name[..32]).with_extension(ENDING);
        Some(Self { folder: folder.to_owned(), file })
    }

    /// Reads them into `pixels`. `None` where they are not there, or not whole.
    pub(super) fn read(&self, pixels: &mut [u8]) -> Option<Vec<Outcome>> {
        let mut file = fs::File::open(&self.file).ok()?;
        let mut length = [0; 8];
        file.read_exact(&mut length).ok()?;
        let all = file.metadata().ok()?.len();
        let length = u64::from_le_bytes(length);
        if length.checked_add(8 + pixels.len() as u64) != Some(all) {
            return None;
        }
        let mut header = vec![0; usize::try_from(length).ok()?];
        file.read_exact(&mut header).ok()?;
        let header: Header = serde_json::from_slice(&header).ok()?;
        file.read_exact(pixels).ok()?;
        if hex::encode(Sha256::digest(&*pixels)) != header.pixels {
            return None;
        }
        // Used now; a cache that cannot be written is read all the same.
        let _ = file.set_modified(SystemTime::now());
        Some(header.outcomes)
    }

    /// Stores them where decoding took long. What cannot be stored is decoded again.
    pub(super) fn store(&self, pixels: &[u8], outcomes: Vec<Outcome>, took: Duration) {
        if took < WORTH_STORING {
            return;
        }
        let stored =
            self.write(pixels, outcomes).and_then(|()| make_room(&self.folder, &self.file));
        if let Err(error) = stored {
            tracing::debug!(folder = %self.folder.display(), %error, "decoded images are not stored");
        }
    }

    fn write(&self, pixels: &[u8], outcomes: Vec<Outcome>) -> std::io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let pixels_sha256 = hex::encode(Sha256::digest(pixels));
        let header = serde_json::to_vec(&Header { outcomes, pixels: pixels_sha256 })?;
        let mut part = tempfile::NamedTempFile::new_in(&self.folder)?;
        part.write_all(&(header.len() as u64).to_le_bytes())?;
        part.write_all(&header)?;
        part.write_all(pixels)?;
        part.persist(&self.file)?;
        Ok(())
    }
}

/// What changes when a file takes another one's place, whatever its time says.
#[cfg(unix)]
fn changed(meta: &fs::Metadata) -> String {
    use std::os::unix::fs::MetadataExt;
    format!("{} {} {}", meta.ino(), meta.ctime(), meta.ctime_nsec())
}

#[cfg(not(unix))]
fn changed(meta: &fs::Metadata) -> String {
    format!("{:?}", meta.created().ok())
}

/// Removes what was not used for longest until all is small enough; `new` stays.
fn make_room(folder: &Path, new: &Path) -> std::io::Result<()> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ending| ending == ENDING) {
            let meta = fs::metadata(&path)?;
            files.push((meta.modified()?, meta.len(), path));
        }
    }
    files.sort();
    let mut all: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, bytes, path) in files {
        if all > LARGEST && path != new {
            fs::remove_file(&path)?;
            all -= bytes;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ImageShape;

    #[test]
    fn what_was_stored_is_read_until_something_changes() {
        let root = tempfile::tempdir().unwrap();
        let image = root.path().join("a.png");
        fs::write(&image, "bytes").unwrap();
        let samples = [(image.clone(), 0)];
        let transform = ImageTransform::squeeze(ImageShape { channels: 1, height: 1, width: 3 });
        let folder = root.path().join("cache");
        let decoded = Decoded::of(&folder, &samples, &transform).unwrap();
        let outcomes = vec![Ok(("sum".to_owned(), [3, 1]))];
        decoded.store(&[1, 2, 3], outcomes.clone(), Duration::from_millis(10));
        assert!(!folder.exists(), "decoded in no time");
        decoded.store(&[1, 2, 3], outcomes.clone(), Duration::from_secs(3));
        let mut pixels = [0; 3];
        assert_eq!(decoded.read(&mut pixels), Some(outcomes));
        assert_eq!(pixels, [1, 2, 3]);

        let larger = ImageTransform::squeeze(ImageShape { channels: 1, height: 3, width: 1 });
        let other = Decoded::of(&folder, &samples, &larger).unwrap();
        assert_eq!(other.read(&mut pixels), None);
        let mut bytes = fs::read(&decoded.file).unwrap();
        *bytes.last_mut().unwrap() = 9;
        fs::write(&decoded.file, &bytes).unwrap();
        assert_eq!(decoded.read(&mut pixels), None, "damaged");
        fs::write(&decoded.file, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(decoded.read(&mut pixels), None, "cut");
        fs::write(&image, "other bytes").unwrap();
        let changed = Decoded::of(&folder, &samples, &transform).unwrap();
        assert_ne!(changed.file, decoded.file);
    }
}
