//! The numbers of `metrics.jsonl` for the tools that people have.

mod csv;
mod events;
mod tensorboard;

use std::path::Path;

use distill_driver::{DriverError, Stage, metrics::Line};
use serde_json::Value;

pub use self::{csv::write_csv, tensorboard::TensorBoard};

/// Every stage of a run that has a folder, in the order of their making.
fn stages(run: &Path) -> Result<Vec<Stage>, DriverError> {
    let mut stages = Vec::new();
    let networks = run.join("networks");
    if networks.is_dir() {
        let failed = |source| DriverError::Io { path: networks.clone(), source };
        for entry in std::fs::read_dir(&networks).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            stages.extend(name.to_str().map(Stage::named));
        }
    }
    stages.sort();
    stages.extend(Stage::ALL);
    Ok(stages)
}

/// The fields of a line, those of inner tables under both names with `between` between them.
fn fields(line: &Line, between: char) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    let line = serde_json::to_value(line).expect("a record serialises");
    flatten(String::new(), line, between, &mut found);
    found
}

fn flatten(name: String, value: Value, between: char, found: &mut Vec<(String, Value)>) {
    let Value::Object(table) = value else {
        found.push((name, value));
        return;
    };
    for (own, value) in table {
        let name = if name.is_empty() { own } else { format!("{name}{between}{own}") };
        flatten(name, value, between, found);
    }
}
