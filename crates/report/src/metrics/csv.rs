//! `metrics.csv`: a row for each line of each stage's `metrics.jsonl`.

use std::path::{Path, PathBuf};

use distill_driver::{DriverError, metrics, write_atomic};
use serde_json::Value;

use super::{fields, stages};

/// Its name in a run's folder.
const CSV: &str = "metrics.csv";

/// Writes `metrics.csv` into a run's folder, and says where it lies. Columns are `stage` and the fields of
/// `metrics.jsonl` by their names, those of `terms` and `gradient_shares` as `terms.NAME`; what a line has not is
/// empty.
///
/// # Errors
/// [`DriverError`] where metrics cannot be read, or the file cannot be written.
pub fn write_csv(run: &Path) -> Result<PathBuf, DriverError> {
    let mut columns = vec!["stage".to_owned()];
    let mut rows = Vec::new();
    for stage in stages(run)? {
        for line in metrics::of_run(run, stage)? {
            let mut row = vec![String::new(); columns.len()];
            row[0] = stage.name().to_owned();
            for (name, value) in fields(&line, '.') {
                let at = columns.iter().position(|column| *column == name);
                let at = at.unwrap_or_else(|| {
                    columns.push(name);
                    columns.len() - 1
                });
                row.resize(columns.len(), String::new());
                row[at] = text(&value);
            }
            rows.push(row);
        }
    }
    let path = run.join(CSV);
    let failed = |e: csv::Error| DriverError::Io { path: path.clone(), source: e.into() };
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(&columns).map_err(failed)?;
    for mut row in rows {
        row.resize(columns.len(), String::new());
        writer.write_record(&row).map_err(failed)?;
    }
    let bytes = writer.into_inner().map_err(|e| failed(e.into_error().into()))?;
    write_atomic(&path, &bytes)?;
    Ok(path)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}
