//! `distill data`: datasets in the data folder.

use std::path::{Path, PathBuf};

use distill_datasets::{
    DATASETS, DataError, Dataset, LoadConfig, catalogue, is_there, load, unknown,
};
use distill_driver::{DriverError, Observer};
use schemars::JsonSchema;
use serde::Serialize;

use super::{SCHEMA, data_folder, print_json};
use crate::{
    arguments::{DataArguments, DataCommand},
    output::{Progress, Table, mebibytes, prose, result},
};

/// `data list`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listed {
    /// Version of this layout: 1.
    schema: u32,
    /// The data folder.
    folder: PathBuf,
    /// Every dataset that recipes can name.
    datasets: Vec<Entry>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    /// Name in recipes.
    name: &'static str,
    /// Whether it lies in the data folder; null for drawn images and folders, which are never fetched.
    there: Option<bool>,
    /// What is fetched; null as above.
    download: Option<Download>,
    /// Images, classes and size, in words.
    content: &'static str,
}

/// A dataset that is fetched.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Download {
    /// Size of all files.
    bytes: u64,
    /// Licence as its authors state it.
    licence: &'static str,
    /// Places of its files below the data folder.
    files: Vec<&'static str>,
}

/// `data fetch`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Fetched {
    /// Version of this layout: 1.
    schema: u32,
    #[serde(flatten)]
    dataset: Contents,
}

/// `data verify`: a dataset whose structure is good.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Verified {
    /// Version of this layout: 1.
    schema: u32,
    #[serde(flatten)]
    dataset: Contents,
    /// Each file of the catalogue beside what was read.
    published: Vec<Published>,
}

/// What a dataset holds.
#[derive(Debug, Serialize, JsonSchema)]
struct Contents {
    /// Name in recipes.
    name: String,
    /// Number of training images.
    train: usize,
    /// Number of test images.
    test: usize,
    /// Number of classes.
    classes: usize,
    /// Identity of its bytes.
    sha256: String,
    /// Files that were read; none of drawn images.
    files: Vec<PathBuf>,
}

/// A file of the catalogue.
#[derive(Debug, Serialize, JsonSchema)]
struct Published {
    /// Its place below the data folder.
    path: &'static str,
    state: State,
}

/// A published file beside what was read.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The published bytes.
    Published,
    /// Other bytes, which hold the dataset too.
    Other,
    /// Not there: the dataset lies in another form.
    Missing,
}

pub(crate) fn execute(command: DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::List { data, json } => list(&data, json),
        DataCommand::Fetch { dataset, data, json } => fetch(&dataset, &data, json),
        DataCommand::Verify { dataset, data, json } => verify(&dataset, &data, json),
    }
}

fn list(data: &DataArguments, json: bool) -> anyhow::Result<()> {
    let folder = data_folder(data)?;
    let entries = DATASETS.iter().map(|info| {
        let download = catalogue::entry(info.name).map(Download::of);
        let there = download.is_some().then(|| is_there(&folder, info.name));
        Entry { name: info.name, there, download, content: info.content }
    });
    let datasets = entries.collect();
    let list = Listed { schema: SCHEMA, folder, datasets };
    if json {
        return print_json(&list);
    }
    result(format!("data folder: {}", list.folder.display()));
    let mut table = Table::new(["dataset", "there", "download", "licence", "content"]);
    for Entry { name, there, download, content } in &list.datasets {
        let there = there.map_or("-", |there| if there { "yes" } else { "no" });
        let (size, licence) = match download {
            Some(download) => (mebibytes(download.bytes), download.licence),
            None => ("-".to_owned(), "-"),
        };
        table.row([name, there, &size, licence, content]);
    }
    result(table);
    Ok(())
}

/// Loading fetches what is missing and checks what is there.
fn fetch(name: &str, data: &DataArguments, json: bool) -> anyhow::Result<()> {
    let contents = Contents::of(&read(name, data)?);
    if json {
        return print_json(&Fetched { schema: SCHEMA, dataset: contents });
    }
    let Contents { train, test, .. } = contents;
    result(format!("{name}: {train} training and {test} test images"));
    Ok(())
}

fn verify(name: &str, data: &DataArguments, json: bool) -> anyhow::Result<()> {
    let offline = DataArguments { data: data.data.clone(), offline: true };
    let dataset = read(name, &offline)?;
    let files = catalogue::entry(name).into_iter().flat_map(|entry| &entry.files);
    let published = files.map(|file| {
        let named = Path::new(&file.path).file_name();
        let own = dataset.files.iter().find(|own| own.path.file_name() == named);
        let state = match own {
            None => State::Missing,
            Some(own) if own.sha256 == file.sha256 => State::Published,
            Some(_) => State::Other,
        };
        Published { path: &file.path, state }
    });
    let published = published.collect();
    let verified = Verified { schema: SCHEMA, dataset: Contents::of(&dataset), published };
    if json {
        return print_json(&verified);
    }
    let Contents { train, test, classes, sha256, files, .. } = &verified.dataset;
    prose(&format!(
        "{name}: structure good, {train} training and {test} test images, {classes} classes, sha256 {sha256}"
    ));
    for Published { path, state } in &verified.published {
        let verdict = match state {
            State::Missing => "not there as published, but in another form",
            State::Published => "as published",
            State::Other => "good, but not the published bytes",
        };
        result(format!("{path}: {verdict}"));
    }
    for file in files {
        result(format!("read: {}", file.display()));
    }
    Ok(())
}

impl Download {
    pub(super) fn of(entry: &'static catalogue::Entry) -> Self {
        Self {
            bytes: entry.files.iter().map(|file| file.bytes).sum(),
            licence: &entry.licence,
            files: entry.files.iter().map(|file| &*file.path).collect(),
        }
    }
}

impl Contents {
    fn of(dataset: &Dataset) -> Self {
        Self {
            name: dataset.name.clone(),
            train: dataset.train.len(),
            test: dataset.test.len(),
            classes: dataset.classes.len(),
            sha256: dataset.sha256.clone(),
            files: dataset.files.iter().map(|file| file.path.clone()).collect(),
        }
    }
}

fn read(name: &str, data: &DataArguments) -> anyhow::Result<Dataset> {
    if !DATASETS.iter().any(|info| info.name == name) {
        return Err(DriverError::from(unknown(name)).into());
    }
    if name == "folder" {
        let expected = "a dataset with a fixed place; a recipe names a folder's".to_owned();
        let error = DataError::Setting { field: "dataset", value: name.to_owned(), expected };
        return Err(DriverError::from(error).into());
    }
    let mut config = LoadConfig::new(name, data_folder(data)?);
    config.offline = data.offline;
    let mut progress = Progress::new();
    let dataset = load(&config, &mut |event| progress.on(event.into()));
    progress.finish();
    Ok(dataset.map_err(DriverError::from)?)
}
