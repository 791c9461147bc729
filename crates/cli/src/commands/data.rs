//! `distill data`: datasets in the data folder.

use std::path::Path;

use distill_datasets::{DATASETS, DataError, LoadConfig, catalogue, is_there, load, unknown};
use distill_driver::{DriverError, Observer};

use super::data_folder;
use crate::{
    arguments::{DataArguments, DataCommand},
    output::{Progress, plain_table, result},
};

pub(crate) fn execute(command: DataCommand) -> anyhow::Result<()> {
    match command {
        DataCommand::List(data) => list(&data),
        DataCommand::Fetch { dataset, data } => fetch(&dataset, &data),
        DataCommand::Verify { dataset, data } => verify(&dataset, &data),
    }
}

fn list(data: &DataArguments) -> anyhow::Result<()> {
    let folder = data_folder(data)?;
    result(format!("data folder: {}", folder.display()));
    let mut table = plain_table(&["dataset", "there", "download", "licence", "content"]);
    for info in DATASETS {
        let (there, size, licence) = match catalogue::entry(info.name) {
            Some(entry) => {
                let there = is_there(&folder, info.name);
                let bytes: u64 = entry.files.iter().map(|file| file.bytes).sum();
                let size = format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20));
                (if there { "yes" } else { "no" }, size, entry.licence.as_str())
            }
            None => ("-", "-".to_owned(), "-"),
        };
        table.add_row([info.name, there, &size, licence, info.content]);
    }
    result(table);
    Ok(())
}

/// Loading fetches what is missing and checks what is there.
fn fetch(name: &str, data: &DataArguments) -> anyhow::Result<()> {
    let dataset = read(name, data)?;
    result(format!(
        "{name}: {} training and {} test images",
        dataset.train.len(),
        dataset.test.len()
    ));
    Ok(())
}

fn verify(name: &str, data: &DataArguments) -> anyhow::Result<()> {
    let offline = DataArguments { data: data.data.clone(), offline: true };
    let dataset = read(name, &offline)?;
    result(format!(
        "{name}: structure good, {} training and {} test images, {} classes, sha256 {}",
        dataset.train.len(),
        dataset.test.len(),
        dataset.classes.len(),
        dataset.sha256
    ));
    for file in catalogue::entry(name).into_iter().flat_map(|entry| &entry.files) {
        let published = Path::new(&file.path).file_name();
        let own = dataset.files.iter().find(|own| own.path.file_name() == published);
        let verdict = match own {
            None => "not there as published, but in another form".to_owned(),
            Some(own) if own.sha256 == file.sha256 => "as published".to_owned(),
            Some(_) => "good, but not the published bytes".to_owned(),
        };
        result(format!("{}: {verdict}", file.path));
    }
    for file in &dataset.files {
        result(format!("read: {}", file.path.display()));
    }
    Ok(())
}

fn read(name: &str, data: &DataArguments) -> anyhow::Result<distill_datasets::Dataset> {
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
