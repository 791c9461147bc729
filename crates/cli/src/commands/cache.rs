//! `distill cache`: list, verify and clear the teacher cache.

use anyhow::ensure;
use distill_driver::teacher::{CacheEntry, cache_clear, cache_list, cache_verify};

use super::{cache_folder, print_json};
use crate::{
    arguments::CacheCommand,
    output::{self, mebibytes},
};

pub(crate) fn execute(command: CacheCommand) -> anyhow::Result<()> {
    match command {
        CacheCommand::List { cache, json } => {
            let folder = cache_folder(cache.cache.as_deref())?;
            let entries = cache_list(&folder)?;
            match json {
                true => print_json(&entries),
                false if entries.is_empty() => {
                    output::result(format!("{}: the teacher cache is empty", folder.display()));
                }
                false => output::result(table(&entries)),
            }
        }
        CacheCommand::Verify { names, cache } => {
            let folder = cache_folder(cache.cache.as_deref())?;
            let faults = cache_verify(&folder, &names)?;
            for fault in &faults {
                output::result(format!("{}: {}", fault.path.display(), fault.problem));
            }
            ensure!(
                faults.is_empty(),
                "{} parts are damaged\nhint: the next run that uses them computes them again",
                faults.len()
            );
            output::result(format!("{}: all cached outputs are whole", folder.display()));
        }
        CacheCommand::Clear { names, all: _, cache } => {
            let folder = cache_folder(cache.cache.as_deref())?;
            let cleared = cache_clear(&folder, &names)?;
            let bytes = mebibytes(cleared.bytes);
            output::result(format!("{}: {bytes} are free now", folder.display()));
            let in_use = cleared.in_use.join(", ");
            ensure!(in_use.is_empty(), "a run is using {in_use}\nhint: wait for it");
        }
    }
    Ok(())
}

fn table(entries: &[CacheEntry]) -> comfy_table::Table {
    let header =
        ["name", "teacher", "dataset", "precision", "seed", "batch", "views", "images", "size"];
    let mut table = output::plain_table(&header);
    for CacheEntry { name, record, views, bytes, .. } in entries {
        let Some(record) = record else {
            table.add_row([name.as_str(), "damaged record"]);
            continue;
        };
        let input = |field: &str| match &record.inputs[field] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let precision = match record.inputs["top_k"].as_u64() {
            Some(kept) => format!("{}, top {kept}", input("precision")),
            None => input("precision"),
        };
        table.add_row([
            name.clone(),
            input("model"),
            input("dataset"),
            precision,
            input("seed"),
            input("batch"),
            views.iter().filter(|view| **view > 0).count().to_string(),
            output::thousands(record.images),
            mebibytes(*bytes),
        ]);
    }
    output::right_align_from(&mut table, 4);
    table
}
