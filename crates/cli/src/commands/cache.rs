//! `distill cache`: list, verify and clear the teacher cache.

use std::path::PathBuf;

use anyhow::ensure;
use distill_driver::teacher::{
    CacheEntry, CacheFault, Cleared, cache_clear, cache_list, cache_verify,
};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::{SCHEMA, cache_folder, print_json};
use crate::{
    arguments::CacheCommand,
    output::{self, Table, mebibytes},
};

/// `cache list`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Listed {
    /// Version of this layout: 1.
    schema: u32,
    /// Folder of the teacher cache.
    folder: PathBuf,
    /// Cached outputs, one entry a teacher.
    entries: Vec<Entry>,
}

/// Cached outputs of one teacher.
#[derive(Debug, Serialize, JsonSchema)]
struct Entry {
    /// Name of its folder.
    name: String,
    /// Bytes on disk.
    bytes: u64,
    /// When a run last opened it, seconds since 1970; null where that is not known.
    used: Option<u64>,
    /// Views of which there is something; 0 are the images without augmentation.
    views: Vec<u64>,
    /// What the outputs are of; null for a damaged record.
    outputs: Option<Outputs>,
}

/// What cached outputs are of.
#[derive(Debug, Serialize, JsonSchema)]
struct Outputs {
    /// sha256 of `inputs`.
    key: String,
    /// Name of the teacher's network.
    teacher: Option<String>,
    /// Name of the dataset.
    dataset: Option<String>,
    /// Type of the numbers: `f32` or `f16`.
    precision: Option<String>,
    /// Logits that are stored of an image; null where all are.
    top_k: Option<u64>,
    /// Seed of the run.
    seed: Option<u64>,
    /// Images of a batch.
    batch: Option<u64>,
    /// Images of a view.
    images: u64,
    /// Bytes of one image's outputs.
    image_bytes: u64,
    /// Everything that the outputs depend on, as `entry.json` has it: no fixed layout.
    inputs: Value,
}

/// `cache verify`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Verified {
    /// Version of this layout: 1.
    schema: u32,
    /// Folder of the teacher cache.
    folder: PathBuf,
    /// Parts that are damaged; the exit code is 1 where there are some.
    faults: Vec<CacheFault>,
}

/// `cache clear`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Emptied {
    /// Version of this layout: 1.
    schema: u32,
    /// Folder of the teacher cache.
    folder: PathBuf,
    #[serde(flatten)]
    cleared: Cleared,
}

pub(crate) fn execute(command: CacheCommand) -> anyhow::Result<()> {
    match command {
        CacheCommand::List { cache, json } => {
            let folder = cache_folder(cache.cache.as_deref())?;
            let entries = cache_list(&folder)?.into_iter().map(Entry::of).collect();
            list(&Listed { schema: SCHEMA, folder, entries }, json)
        }
        CacheCommand::Verify { names, cache, json } => {
            let folder = cache_folder(cache.cache.as_deref())?;
            let faults = cache_verify(&folder, &names)?;
            verify(&Verified { schema: SCHEMA, folder, faults }, json)
        }
        CacheCommand::Clear { names, all: _, cache, json } => {
            let folder = cache_folder(cache.cache.as_deref())?;
            let cleared = cache_clear(&folder, &names)?;
            clear(&Emptied { schema: SCHEMA, folder, cleared }, json)
        }
    }
}

fn list(list: &Listed, json: bool) -> anyhow::Result<()> {
    match json {
        true => print_json(list)?,
        false if list.entries.is_empty() => {
            output::result(format!("{}: the teacher cache is empty", list.folder.display()));
        }
        false => output::result(table(&list.entries)),
    }
    Ok(())
}

fn verify(verified: &Verified, json: bool) -> anyhow::Result<()> {
    let Verified { folder, faults, .. } = verified;
    if json {
        print_json(verified)?;
    } else {
        for fault in faults {
            output::result(format!("{}: {}", fault.path.display(), fault.problem));
        }
    }
    ensure!(
        faults.is_empty(),
        "{} parts are damaged\nhint: the next run that uses them computes them again",
        faults.len()
    );
    if !json {
        output::result(format!("{}: all cached outputs are whole", folder.display()));
    }
    Ok(())
}

fn clear(emptied: &Emptied, json: bool) -> anyhow::Result<()> {
    let Cleared { bytes, in_use, .. } = &emptied.cleared;
    match json {
        true => print_json(emptied)?,
        false => {
            let folder = emptied.folder.display();
            output::result(format!("{folder}: {} are free now", mebibytes(*bytes)));
        }
    }
    let in_use = in_use.join(", ");
    ensure!(in_use.is_empty(), "a run is using {in_use}\nhint: wait for it");
    Ok(())
}

impl Entry {
    fn of(entry: CacheEntry) -> Self {
        let CacheEntry { name, record, views, bytes, used } = entry;
        let outputs = record.map(|record| {
            let text = |field: &str| record.inputs[field].as_str().map(str::to_owned);
            let number = |field: &str| record.inputs[field].as_u64();
            Outputs {
                teacher: text("model"),
                dataset: text("dataset"),
                precision: text("precision"),
                top_k: number("top_k"),
                seed: number("seed"),
                batch: number("batch"),
                images: record.images,
                image_bytes: record.image_bytes,
                key: record.key,
                inputs: record.inputs,
            }
        });
        Self { name, bytes, used, views, outputs }
    }
}

fn table(entries: &[Entry]) -> Table {
    let header =
        ["name", "teacher", "dataset", "precision", "seed", "batch", "views", "images", "size"];
    let mut table = Table::new(header).numbers_from(4);
    for Entry { name, outputs, views, bytes, .. } in entries {
        let Some(outputs) = outputs else {
            table.row([name.as_str(), "damaged record"]);
            continue;
        };
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |n| n.to_string());
        let precision = match outputs.top_k {
            Some(kept) => format!("{}, top {kept}", text(&outputs.precision)),
            None => text(&outputs.precision),
        };
        table.row([
            name.clone(),
            text(&outputs.teacher),
            text(&outputs.dataset),
            precision,
            number(outputs.seed),
            number(outputs.batch),
            views.iter().filter(|view| **view > 0).count().to_string(),
            output::thousands(outputs.images),
            mebibytes(*bytes),
        ]);
    }
    table
}
