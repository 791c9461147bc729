//! One file a command.

mod cache;
mod check;
mod compare;
mod data;
mod evaluate;
mod export;
mod images;
mod init;
mod inspect;
mod list;
mod network;
mod predict;
mod run;
mod schema;
mod signals;
mod sweep;
mod watched;

use std::path::{Path, PathBuf};

use anyhow::Context;
use distill_driver::Report;

use crate::{
    arguments::{Arguments, Command, DataArguments},
    output::{self, SCHEMA},
};

pub(crate) fn execute(arguments: Arguments) -> anyhow::Result<()> {
    match arguments.command {
        Command::Init { file, path, dataset } => {
            init::execute(&file, path.as_deref(), dataset.as_deref())
        }
        Command::Run(run) => run::execute(&run),
        Command::Check(run) => check::execute(&run),
        Command::Evaluate(evaluate) => evaluate::execute(evaluate),
        Command::Sweep(sweep) => sweep::execute(&sweep),
        Command::Compare { runs, json, html } => compare::execute(&runs, json, html.as_deref()),
        Command::Predict(predict) => predict::execute(&predict),
        Command::Inspect(inspect) => inspect::execute(&inspect),
        Command::Export(export) => export::execute(&export),
        Command::Report { run, json } => {
            let report = Report::write(&run)?;
            print_report(&report, json)?;
            distill_report::TensorBoard::new(&run).finish(&report)?;
            distill_report::write_csv(&run)?;
            output::note(&format!("report: {}", distill_report::write(&run)?.display()));
            Ok(())
        }
        Command::Data(command) => data::execute(command),
        Command::Cache(command) => cache::execute(command),
        Command::Schema { of } => schema::schema(of),
        Command::Completions { shell } => {
            schema::completions(shell);
            Ok(())
        }
        Command::Man { folder } => schema::man(folder.as_deref()),
        Command::List { what, json } => list::execute(what, json),
    }
}

fn print_report(report: &Report, json: bool) -> anyhow::Result<()> {
    match json {
        true => return print_json(report),
        false => output::result(output::report_table(report)),
    }
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value);
    // The name of a file need not be text.
    output::result(text.context("the result is no JSON")?);
    Ok(())
}

/// `--data`, then `DISTILL_DATA`, then the user's cache folder.
fn data_folder(arguments: &DataArguments) -> anyhow::Result<PathBuf> {
    folder(arguments.data.as_deref(), "DISTILL_DATA", "data")
}

/// `--cache`, then `DISTILL_CACHE`, then the user's cache folder.
fn cache_folder(argument: Option<&Path>) -> anyhow::Result<PathBuf> {
    folder(argument, "DISTILL_CACHE", "cache")
}

/// `DISTILL_DECODED`, then the user's cache folder; `None` where there is neither.
fn decoded_folder() -> Option<PathBuf> {
    folder(None, "DISTILL_DECODED", "decoded").ok()
}

/// What the command line names, or a variable, or the folder `name` in the user's cache folder.
fn folder(argument: Option<&Path>, variable: &str, name: &str) -> anyhow::Result<PathBuf> {
    if let Some(folder) = argument {
        return Ok(folder.to_owned());
    }
    if let Some(folder) = std::env::var_os(variable).filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    let folders = directories::ProjectDirs::from("", "", "distill");
    let folders = folders
        .with_context(|| format!("there is no home folder, expected `--{name}` or `{variable}`"))?;
    Ok(folders.cache_dir().join(name))
}
