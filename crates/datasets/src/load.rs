//! A dataset by name: found, fetched if need be, read and checked.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{
    DataError, Dataset, FolderConfig, ImageShape, LoadProgress, Normalisation, SourceFile,
    catalogue::{self, RemoteFile, sha256_of},
    cifar::{CIFAR10, CIFAR100, CifarLayout},
    digits::{DigitsConfig, digits},
    fetch::fetch,
    folder::read_folder,
    idx, places,
    source_file::identity,
};

/// What a dataset is called and what it holds, for a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// Images, classes and size, in words.
    pub content: &'static str,
}

/// Every dataset there is.
pub const DATASETS: &[DatasetInfo] = &[
    DatasetInfo { name: "digits", content: "drawn numerals, 10000 + 5000, 10 classes, 3x32x32" },
    DatasetInfo {
        name: "mnist",
        content: "handwritten numerals, 60000 + 10000, 10 classes, 1x28x28",
    },
    DatasetInfo { name: "fashion-mnist", content: "clothes, 60000 + 10000, 10 classes, 1x28x28" },
    DatasetInfo { name: "cifar10", content: "photographs, 50000 + 10000, 10 classes, 3x32x32" },
    DatasetInfo { name: "cifar100", content: "photographs, 50000 + 10000, 100 classes, 3x32x32" },
    DatasetInfo {
        name: "folder",
        content: "your images: train/CLASS/*, test/CLASS/* or val/CLASS/*",
    },
];

/// What to load and from where.
#[derive(Debug, Clone)]
pub struct LoadConfig {
    /// One of [`DATASETS`].
    pub name: String,
    /// The folder where data lies, and into which it is fetched.
    pub data: PathBuf,
    /// Whether nothing may be fetched.
    pub offline: bool,
    /// For `folder`: where it is, below `data` unless absolute.
    pub path: Option<PathBuf>,
    /// For `folder`: how it is read.
    pub folder: FolderConfig,
}

impl LoadConfig {
    /// `name` from the folder `data`, nothing else said.
    pub fn new(name: impl Into<String>, data: impl Into<PathBuf>) -> Self {
        Self {
            name: name.into(),
            data: data.into(),
            offline: false,
            path: None,
            folder: FolderConfig::new(ImageShape { channels: 3, height: 32, width: 32 }),
        }
    }
}

/// Loads a dataset, fetching what is missing unless that is forbidden.
///
/// # Errors
/// [`DataError`] for an unknown name, missing or malformed files, and failed downloads.
pub fn load(config: &LoadConfig, progress: LoadProgress<'_>) -> Result<Dataset, DataError> {
    match config.name.as_str() {
        "digits" => Ok(digits(DigitsConfig::default())),
        "mnist" => load_idx(
            config,
            &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
            [0.1307, 0.3081],
            progress,
        ),
        "fashion-mnist" => load_idx(config, &FASHION, [0.2860, 0.3530], progress),
        "cifar10" => load_cifar(config, &CIFAR10, CIFAR10_NORM, progress),
        "cifar100" => load_cifar(config, &CIFAR100, CIFAR100_NORM, progress),
        "folder" => load_folder(config, progress),
        _ => Err(unknown(&config.name)),
    }
}

/// The error for a name that no dataset has.
pub fn unknown(name: &str) -> DataError {
    let known: Vec<&str> = DATASETS.iter().map(|info| info.name).collect();
    DataError::UnknownDataset { name: name.to_owned(), known: known.join(", ") }
}

const FASHION: [&str; 10] = [
    "T-shirt/top",
    "trouser",
    "pullover",
    "dress",
    "coat",
    "sandal",
    "shirt",
    "sneaker",
    "bag",
    "ankle boot",
];
const CIFAR10_NORM: [[f32; 3]; 2] = [[0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]];
const CIFAR100_NORM: [[f32; 3]; 2] = [[0.5071, 0.4867, 0.4408], [0.2675, 0.2565, 0.2761]];

fn load_idx(
    config: &LoadConfig,
    classes: &[&str],
    [mean, std]: [f32; 2],
    progress: LoadProgress<'_>,
) -> Result<Dataset, DataError> {
    let find = |name: &str| places::idx(&config.data, &config.name, name);
    provide(config, progress, |file| {
        let name = Path::new(&file.path).file_stem().unwrap_or_default().to_string_lossy();
        find(&name).is_some()
    })?;
    let found = |name: &str| {
        find(name).ok_or_else(|| missing(config, name, &config.data.join(&config.name)))
    };
    let mut files = Vec::new();
    let mut split = |prefix: &str, expected: usize| {
        let images = found(&format!("{prefix}-images-idx3-ubyte"))?;
        let labels = found(&format!("{prefix}-labels-idx1-ubyte"))?;
        let set = idx::read_idx(&images, &labels, classes.len())?;
        let (shape, len) = (set.shape(), set.len());
        if (shape.height, shape.width, len) != (28, 28, expected) {
            let problem = format!("{len} images of {}x{}", shape.height, shape.width);
            return Err(DataError::malformed(images, problem, format!("{expected} of 28x28")));
        }
        files.push(images);
        files.push(labels);
        Ok(Arc::new(set))
    };
    let (train, test) = (split("train", 60_000)?, split("t10k", 10_000)?);
    let files = hashed(files)?;
    // The same bytes are the same data wherever they lie.
    let places = files.iter().map(|file| {
        let name =
            file.path.file_name().unwrap_or_default().to_string_lossy().replace(".idx", "-idx");
        SourceFile { path: Path::new(&config.name).join(name), sha256: file.sha256.clone() }
    });
    let sha256 = identity(&places.collect::<Vec<_>>(), Path::new(""));
    Ok(Dataset {
        name: config.name.clone(),
        classes: classes.iter().map(|class| (*class).to_owned()).collect(),
        available: train.len(),
        train,
        validation: None,
        test,
        normalisation: Normalisation { mean: vec![mean], std: vec![std] },
        sha256,
        files,
        summary: None,
    })
}

fn load_cifar(
    config: &LoadConfig,
    layout: &CifarLayout,
    [mean, std]: [[f32; 3]; 2],
    progress: LoadProgress<'_>,
) -> Result<Dataset, DataError> {
    let find = || places::cifar(&config.data, layout);
    provide(config, progress, |_| find().is_some())?;
    let path = find().ok_or_else(|| missing(config, layout.archive, &config.data))?;
    let cifar = layout.read(&path)?;
    // The same bytes are the same data wherever they lie.
    let root = path.parent().unwrap_or(&config.data).to_owned();
    let files = match path.is_dir() {
        true => layout.train.iter().chain(layout.test).map(|name| path.join(name)).collect(),
        false => vec![path],
    };
    let files = hashed(files)?;
    Ok(Dataset {
        name: config.name.clone(),
        classes: cifar.classes,
        available: cifar.train.len(),
        train: Arc::new(cifar.train),
        validation: None,
        test: Arc::new(cifar.test),
        normalisation: Normalisation { mean: mean.into(), std: std.into() },
        sha256: identity(&files, &root),
        files,
        summary: None,
    })
}

fn load_folder(config: &LoadConfig, progress: LoadProgress<'_>) -> Result<Dataset, DataError> {
    let Some(path) = &config.path else {
        return Err(DataError::Setting {
            field: "data.path",
            value: String::new(),
            expected: "the folder with `train` and `test`, for the dataset `folder`".to_owned(),
        });
    };
    let root = config.data.join(path);
    let read = read_folder(&root, &config.folder, progress)?;
    let channels = config.folder.transform.shape.channels;
    let sha256 = identity(&read.files, &root);
    let (train, test) = (read.train.len(), read.test.len());
    tracing::debug!(folder = %root.display(), train, test, sha256, "read");
    Ok(Dataset {
        name: config.name.clone(),
        classes: read.classes,
        available: read.available,
        train: Arc::new(read.train),
        validation: read.validation.map(Arc::new),
        test: Arc::new(read.test),
        normalisation: Normalisation { mean: vec![0.5; channels], std: vec![0.5; channels] },
        sha256,
        files: read.files,
        summary: Some(read.summary),
    })
}

fn hashed(files: Vec<PathBuf>) -> Result<Vec<SourceFile>, DataError> {
    files.into_iter().map(|path| Ok(SourceFile { sha256: sha256_of(&path)?, path })).collect()
}

/// Fetches the catalogue's files that are not `there`.
fn provide(
    config: &LoadConfig,
    progress: LoadProgress<'_>,
    there: impl Fn(&RemoteFile) -> bool,
) -> Result<(), DataError> {
    let entry = catalogue::entry(&config.name);
    for file in entry.into_iter().flat_map(|entry| &entry.files) {
        if there(file) {
            continue;
        }
        if config.offline {
            let name = Path::new(&file.path).file_name().unwrap_or_default().to_string_lossy();
            let folder = config.data.join(&file.path);
            return Err(missing(config, &name, folder.parent().unwrap_or(&config.data)));
        }
        fetch(file, &config.data, progress)?;
    }
    Ok(())
}

fn missing(config: &LoadConfig, file: &str, folder: &Path) -> DataError {
    let elsewhere = places::other_form(&config.data, &config.name);
    let hint = match (elsewhere, config.offline) {
        (Some((path, form)), _) => format!(
            "`{}` lies there, which is {form}; `distill data fetch {}` brings the one that is read",
            path.display(),
            config.name
        ),
        (None, true) => {
            "`distill data fetch` brings it; or name the folder that has it with `--data`"
                .to_owned()
        }
        (None, false) => "name the folder that has it with `--data`".to_owned(),
    };
    DataError::Missing {
        dataset: config.name.clone(),
        file: file.to_owned(),
        folder: folder.to_owned(),
        hint,
    }
}
