//! The official binary layout of CIFAR-10 and CIFAR-100.
//!
//! A record is one or two label bytes and 3072 bytes of a 32x32 image, `[red, green, blue]`.
//! Source: A. Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and the
//! description on his CIFAR page. Read from the archive as it is published, or from its folder.

use std::{
    collections::HashMap,
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use crate::{DataError, ImageSet, ImageShape, archive::checked_name};

/// Where a member of the family keeps what.
#[derive(Debug, Clone, Copy)]
pub struct CifarLayout {
    /// Name of the dataset.
    pub name: &'static str,
    /// Its name with a dash, for folders.
    pub dashed: &'static str,
    /// The published archive.
    pub archive: &'static str,
    /// The folder inside the archive.
    pub folder: &'static str,
    /// Files of the train split, in order.
    pub train: &'static [&'static str],
    /// Files of the test split.
    pub test: &'static [&'static str],
    /// File with a class name a line.
    pub names: &'static str,
    /// Label bytes of a record; the last one counts (CIFAR-100: coarse, then fine).
    pub label_bytes: usize,
    /// Number of classes.
    pub classes: usize,
    /// Records of each train file and of each test file.
    pub records: [usize; 2],
}

/// CIFAR-10: ten classes, 50,000 and 10,000 images.
pub const CIFAR10: CifarLayout = CifarLayout {
    name: "cifar10",
    dashed: "cifar-10",
    archive: "cifar-10-binary.tar.gz",
    folder: "cifar-10-batches-bin",
    train: &[
        "data_batch_1.bin",
        "data_batch_2.bin",
        "data_batch_3.bin",
        "data_batch_4.bin",
        "data_batch_5.bin",
    ],
    test: &["test_batch.bin"],
    names: "batches.meta.txt",
    label_bytes: 1,
    classes: 10,
    records: [10_000, 10_000],
};

/// CIFAR-100 with its hundred fine labels, 50,000 and 10,000 images.
pub const CIFAR100: CifarLayout = CifarLayout {
    name: "cifar100",
    dashed: "cifar-100",
    archive: "cifar-100-binary.tar.gz",
    folder: "cifar-100-binary",
    train: &["train.bin"],
    test: &["test.bin"],
    names: "fine_label_names.txt",
    label_bytes: 2,
    classes: 100,
    records: [50_000, 10_000],
};

/// What was read: both splits and the class names.
#[derive(Debug)]
pub struct Cifar {
    /// The train split, in the order of its files.
    pub train: ImageSet,
    /// The test split.
    pub test: ImageSet,
    /// Class names, `classes` of them.
    pub classes: Vec<String>,
}

const SHAPE: ImageShape = ImageShape { channels: 3, height: 32, width: 32 };
/// What the archive may hold beside the records: a read-me, the names.
const SLACK: u64 = 1 << 20;

impl CifarLayout {
    /// Reads `path`, which is the archive or the folder with its files.
    ///
    /// # Errors
    /// [`DataError`] for a file that is missing, cut, empty or too long, a label out of range, and
    /// an archive whose paths climb out of it or that unpacks to more than the records and 1 MiB.
    pub fn read(&self, path: &Path) -> Result<Cifar, DataError> {
        let files = if path.is_dir() { self.read_folder(path)? } else { self.read_archive(path)? };
        let split = |names: &[&str], records: usize| {
            let (mut images, mut labels) = (Vec::new(), Vec::new());
            for name in names {
                let place = member(path, name);
                let bytes = files
                    .get(*name)
                    .ok_or_else(|| DataError::malformed(path, "a part is missing", *name))?;
                self.read_records(&place, bytes, records, &mut images, &mut labels)?;
            }
            Ok(ImageSet::new(SHAPE, images, labels))
        };
        Ok(Cifar {
            train: split(self.train, self.records[0])?,
            test: split(self.test, self.records[1])?,
            classes: self.class_names(path, files.get(self.names).map(Vec::as_slice))?,
        })
    }

    fn record_bytes(&self) -> usize {
        self.label_bytes + SHAPE.bytes()
    }

    fn wanted(&self) -> impl Iterator<Item = &'static str> {
        self.train.iter().chain(self.test).copied().chain([self.names])
    }

    fn read_folder(&self, folder: &Path) -> Result<HashMap<String, Vec<u8>>, DataError> {
        let mut files = HashMap::new();
        for name in self.wanted() {
            let path = folder.join(name);
            if let Ok(meta) = fs::metadata(&path).map_err(DataError::io(&path)) {
                let largest = self.records[0].max(self.records[1]) * self.record_bytes();
                if !meta.is_file() || meta.len() > largest as u64 {
                    let problem = format!("{} bytes", meta.len());
                    return Err(DataError::malformed(path, problem, format!("at most {largest}")));
                }
                files.insert(name.to_owned(), fs::read(&path).map_err(DataError::io(path))?);
            }
        }
        Ok(files)
    }

    fn read_archive(&self, path: &Path) -> Result<HashMap<String, Vec<u8>>, DataError> {
        let damaged = |e: std::io::Error| {
            DataError::malformed(path, format!("a damaged archive ({e})"), "whole tar data in gzip")
        };
        let files = self.train.len() * self.records[0] + self.test.len() * self.records[1];
        let largest = (files * self.record_bytes()) as u64 + SLACK;
        let file = fs::File::open(path).map_err(DataError::io(path))?;
        if file.metadata().map_err(DataError::io(path))?.len() == 0 {
            return Err(DataError::malformed(path, "an empty file", "a tar archive in gzip"));
        }
        let unpacked = GzDecoder::new(std::io::BufReader::new(file)).take(largest + 1);
        let mut archive = tar::Archive::new(unpacked);
        let mut found = HashMap::new();
        let mut total = 0;
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            total += entry.size();
            if total > largest {
                let problem = "an archive that unpacks to more than its records";
                return Err(DataError::malformed(
                    path,
                    problem,
                    format!("at most {largest} bytes"),
                ));
            }
            let name = checked_name(path, &entry.path().map_err(damaged)?)?;
            if let Some(wanted) = self.wanted().find(|wanted| *wanted == name) {
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).map_err(damaged)?;
                found.insert(wanted.to_owned(), bytes);
            }
        }
        Ok(found)
    }

    fn read_records(
        &self,
        place: &Path,
        bytes: &[u8],
        records: usize,
        images: &mut Vec<u8>,
        labels: &mut Vec<u32>,
    ) -> Result<(), DataError> {
        let size = self.record_bytes();
        if bytes.len() != records * size {
            let expected = format!("{} ({records} records of {size})", records * size);
            return Err(DataError::malformed(place, format!("{} bytes", bytes.len()), expected));
        }
        for (at, record) in bytes.chunks_exact(size).enumerate() {
            let (label, pixels) = record.split_at(self.label_bytes);
            let label = label[self.label_bytes - 1];
            if usize::from(label) >= self.classes {
                let expected = format!("labels below {}", self.classes);
                let problem = format!("label `{label}` of record {at}");
                return Err(DataError::malformed(place, problem, expected));
            }
            labels.push(u32::from(label));
            images.extend_from_slice(pixels);
        }
        Ok(())
    }

    fn class_names(&self, path: &Path, text: Option<&[u8]>) -> Result<Vec<String>, DataError> {
        let Some(text) = text else {
            return Ok((0..self.classes).map(|class| format!("class {class}")).collect());
        };
        let text = String::from_utf8_lossy(text);
        let names: Vec<String> =
            text.lines().map(str::trim).filter(|l| !l.is_empty()).map(str::to_owned).collect();
        if names.len() != self.classes {
            let problem = format!("{} class names", names.len());
            let place = member(path, self.names);
            return Err(DataError::malformed(place, problem, self.classes.to_string()));
        }
        Ok(names)
    }
}

fn member(path: &Path, name: &str) -> PathBuf {
    if path.is_dir() {
        path.join(name)
    } else {
        PathBuf::from(format!("{}:{name}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use flate2::{Compression, write::GzEncoder};

    use super::*;

    const SMALL: CifarLayout = CifarLayout { records: [2, 1], ..CIFAR10 };

    fn records(labels: &[u8]) -> Vec<u8> {
        labels
            .iter()
            .flat_map(|label| [*label].into_iter().chain((0..3072).map(|i| i as u8)))
            .collect()
    }

    fn files() -> Vec<(String, Vec<u8>)> {
        let train = SMALL.train.iter().map(|name| (format!("x/{name}"), records(&[1, 9])));
        train.chain([("x/test_batch.bin".to_owned(), records(&[4]))]).collect()
    }

    fn archive(files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            // Written by hand: the library's own writer refuses a path that climbs.
            header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_cksum();
            builder.append(&header, &bytes[..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn read(bytes: &[u8]) -> Result<Cifar, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cifar.tar.gz");
        fs::write(&path, bytes).unwrap();
        SMALL.read(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn archive_and_folder_give_the_same_images() {
        let from_archive = read(&archive(&files())).unwrap();
        assert_eq!((from_archive.train.len(), from_archive.test.len()), (10, 1));
        assert_eq!(from_archive.train.labels()[..3], [1, 9, 1]);
        assert_eq!(from_archive.test.image(0)[..4], [0, 1, 2, 3]);

        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files() {
            fs::write(folder.path().join(Path::new(&name).file_name().unwrap()), bytes).unwrap();
        }
        assert_eq!(SMALL.read(folder.path()).unwrap().train, from_archive.train);
    }

    #[test]
    fn cifar_100_takes_the_fine_label() {
        let layout = CifarLayout { records: [1, 1], ..CIFAR100 };
        let folder = tempfile::tempdir().unwrap();
        let record = |coarse, fine| [vec![coarse, fine], vec![7; 3072]].concat();
        fs::write(folder.path().join("train.bin"), record(19, 99)).unwrap();
        fs::write(folder.path().join("test.bin"), record(0, 3)).unwrap();
        let cifar = layout.read(folder.path()).unwrap();
        assert_eq!((cifar.train.label(0), cifar.test.label(0)), (99, 3));
    }

    #[test]
    fn malformed_archives_are_refused() {
        let change = |index: usize, name: &str, bytes: Vec<u8>| {
            let mut files = files();
            files[index] = (name.to_owned(), bytes);
            read(&archive(&files)).unwrap_err()
        };
        let cut = archive(&files());
        let mut climbing = files();
        climbing.push(("../../etc/evil".to_owned(), vec![1]));
        let mut absolute = files();
        absolute.push(("/etc/evil".to_owned(), vec![1]));
        let mut bomb = files();
        bomb.push(("x/bomb".to_owned(), vec![0; 3 << 20]));
        let cases = [
            (change(5, "x/test_batch.bin", records(&[10])), "label `10` of record 0"),
            (change(0, "x/data_batch_1.bin", records(&[1])), "3073 bytes, expected 6146"),
            (change(0, "x/data_batch_1.bin", vec![]), "0 bytes"),
            (change(0, "x/other.bin", records(&[1, 2])), "a part is missing"),
            (read(&cut[..cut.len() / 2]).unwrap_err(), "damaged archive"),
            (read(&[]).unwrap_err(), "an empty file"),
            (read(b"not an archive").unwrap_err(), "damaged archive"),
            (read(&archive(&climbing)).unwrap_err(), "climbs out"),
            (read(&archive(&absolute)).unwrap_err(), "climbs out"),
            (read(&archive(&bomb)).unwrap_err(), "unpacks to more"),
        ];
        for (error, expected) in cases {
            assert!(error.contains(expected), "{error}, expected {expected}");
        }
    }
}
