//! `distill schema`, `completions` and `man`: what editors, shells and `man` know of this program.

use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use distill_driver::{Comparison, DriverError, Event, Report, recipe::Recipe};
use distill_report::SweepRecord;
use schemars::{JsonSchema, Schema, generate::SchemaSettings, transform::RecursiveTransform};
use serde_json::{Value, json};

use super::{cache, check, data, evaluate, export, inspect, list, predict, print_json};
use crate::{
    arguments::{Arguments, Documented},
    output,
};

pub(crate) fn schema(of: Documented) -> anyhow::Result<()> {
    print_json(&match of {
        Documented::Recipe => Recipe::schema(),
        Documented::Report => output_schema::<Report>(),
        Documented::Compare => output_schema::<Comparison>(),
        Documented::Sweep => output_schema::<SweepRecord<'_>>(),
        Documented::Check => output_schema::<check::Checked<'_>>(),
        Documented::Evaluate => output_schema::<evaluate::Evaluated>(),
        Documented::Logits => output_schema::<evaluate::Logits>(),
        Documented::Predict => output_schema::<predict::Predictions>(),
        Documented::Inspect => output_schema::<inspect::Inspected>(),
        Documented::Export => output_schema::<export::Exported>(),
        Documented::Progress => progress_schema(),
        Documented::ListRecipes => output_schema::<list::Recipes>(),
        Documented::ListModels => output_schema::<list::Models>(),
        Documented::ListObjectives => output_schema::<list::Objectives>(),
        Documented::ListDatasets => output_schema::<list::Datasets>(),
        Documented::ListBackends => output_schema::<list::Backends>(),
        Documented::DataList => output_schema::<data::Listed>(),
        Documented::DataFetch => output_schema::<data::Fetched>(),
        Documented::DataVerify => output_schema::<data::Verified>(),
        Documented::CacheList => output_schema::<cache::Listed>(),
        Documented::CacheVerify => output_schema::<cache::Verified>(),
        Documented::CacheClear => output_schema::<cache::Emptied>(),
    })
}

/// The schema of what is written of a type: every field is named, and there are no others.
fn output_schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let settings = settings.with_transform(RecursiveTransform(close));
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn close(schema: &mut Schema) {
    if schema.get("properties").is_some() && schema.get("additionalProperties").is_none() {
        schema.insert("additionalProperties".to_owned(), false.into());
    }
}

/// Each event with the version beside it, and the error that ends the program.
fn progress_schema() -> Value {
    let mut schema = output_schema::<Event<'_>>();
    if let Some(Value::Array(events)) = schema.get_mut("oneOf") {
        events.push(json!({
            "description": "The error that ends the program.",
            "type": "object",
            "properties": { "event": { "type": "string", "const": "error" }, "data": { "type": "string" } },
            "required": ["event", "data"],
            "additionalProperties": false,
        }));
        for event in events {
            let version = json!({ "description": "Version of this layout: 1.", "type": "integer" });
            event["properties"]["schema"] = version;
            if let Some(Value::Array(required)) = event.get_mut("required") {
                required.insert(0, "schema".into());
            }
        }
    }
    schema
}

pub(crate) fn completions(shell: Shell) {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "distill", &mut script);
    output::result(String::from_utf8_lossy(&script).trim_end());
}

/// The page of the program, or a page a command in a folder.
pub(crate) fn man(folder: Option<&Path>) -> anyhow::Result<()> {
    let command = Arguments::command().name("distill");
    let Some(folder) = folder else {
        let mut page = Vec::new();
        clap_mangen::Man::new(command).render(&mut page)?;
        output::result(String::from_utf8_lossy(&page).trim_end());
        return Ok(());
    };
    let failed = |source| DriverError::Io { path: folder.to_owned(), source };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(command, folder).map_err(failed)?;
    output::note(&format!("written: {}", folder.join("distill.1").display()));
    Ok(())
}
