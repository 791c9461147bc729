//! `cargo xtask objectives`: a short training with each objective, from one teacher, same budget and seeds.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, ensure};
use serde_json::Value;

use crate::{cargo, distill};

/// Whose time the others' is compared with.
const REFERENCE: &str = "soft-targets";

/// Half of the recipe's.
const EPOCHS: &str = "student.epochs=10";

/// What one run gave.
struct Row {
    gain: f64,
    top1: f64,
    agreement: f64,
    loss: (f64, f64),
    share: Option<f64>,
    seconds: f64,
}

/// Trains the student of `digits` with the cross entropy at weight 1 and each term at its default weight, and
/// prints a table in Markdown: mean and deviation over the seeds.
pub(crate) fn run(seeds: u64, only: &[String]) -> anyhow::Result<()> {
    cargo::run(cargo::cargo().args(distill::build_arguments("flex")))?;
    let binary = cargo::target_folder()?.join("release/distill");
    let folder = cargo::target_folder()?.join("objectives");
    fs::create_dir_all(&folder)?;
    let mut terms: Vec<String> = names(&binary)?;
    terms.retain(|term| only.is_empty() || only.contains(term) || term == REFERENCE);
    // The first one also makes teacher and baseline.
    terms.sort_by_key(|term| term != REFERENCE);

    let mut rows: BTreeMap<&str, Vec<Row>> = BTreeMap::new();
    for seed in 1..=seeds {
        for term in &terms {
            eprintln!("== {term}, seed {seed}");
            rows.entry(term).or_default().push(train(&binary, &folder, term, seed)?);
        }
    }
    println!(
        "| term | top-1, % | gain, points | agreement, % | loss of the term, first → last epoch | gradient share, last epoch, % | time a step |"
    );
    println!("|---|---|---|---|---|---|---|");
    let reference: Vec<f64> = rows[REFERENCE].iter().map(|row| row.seconds).collect();
    for term in &terms {
        let rows = &rows[term.as_str()];
        let over = |value: &dyn Fn(&Row) -> f64| spread(rows.iter().map(value));
        let ratios = rows.iter().zip(&reference).map(|(row, reference)| row.seconds / reference);
        let share = rows.iter().filter_map(|row| row.share).map(|share| 100.0 * share);
        println!(
            "| `{term}` | {} | {} | {} | {} → {} | {} | {} |",
            show(over(&|row| 100.0 * row.top1), 2),
            show(over(&|row| 100.0 * row.gain), 2),
            show(over(&|row| 100.0 * row.agreement), 1),
            significant(rows[0].loss.0),
            significant(rows[0].loss.1),
            show(spread(share), 1),
            show(spread(ratios), 2),
        );
    }
    Ok(())
}

fn names(binary: &Path) -> anyhow::Result<Vec<String>> {
    let output = Command::new(binary).args(["list", "objectives", "--json"]).output()?;
    ensure!(output.status.success(), "`distill list objectives` failed");
    let listed: Value = serde_json::from_slice(&output.stdout)?;
    let listed = listed["objectives"].as_array().context("a list of objectives")?;
    Ok(listed.iter().filter_map(|term| term["name"].as_str()).map(str::to_owned).collect())
}

fn train(binary: &Path, folder: &Path, term: &str, seed: u64) -> anyhow::Result<Row> {
    let digits = fs::read_to_string(cargo::root().join("crates/driver/recipes/digits.toml"))?;
    let head = digits.split("[[objective]]").next().context("a recipe has an objective")?;
    let mut text = format!("{head}[[objective]]\nterm = \"cross-entropy\"\n");
    // The labels alone, trained as a student: what the others have on top of it.
    if term != "cross-entropy" {
        text += &format!("\n[[objective]]\nterm = \"{term}\"\n");
    }
    let recipe = folder.join(format!("{term}.toml"));
    fs::write(&recipe, text)?;
    let out = folder.join(format!("seed-{seed}"));
    let mut command = Command::new(binary);
    command.arg("run").arg(&recipe).arg("--out").arg(&out);
    command.args(["--seed", &seed.to_string(), "--offline", "--resume", "--set", EPOCHS]);
    let output = command.output()?;
    ensure!(output.status.success(), "{term}: {}", String::from_utf8_lossy(&output.stderr));

    let read = |path: &str| -> anyhow::Result<Value> {
        Ok(serde_json::from_slice(&fs::read(out.join(path))?)?)
    };
    let (report, stage) = (read("report.json")?, read("student/stage.json")?);
    let number = |value: &Value| value.as_f64().context("a number in the report");
    let lines = fs::read_to_string(out.join("student/metrics.jsonl"))?;
    let epochs = lines.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let epochs: Vec<&Value> = epochs.iter().filter(|line| line["event"] == "epoch").collect();
    let [first, .., last] = epochs[..] else { anyhow::bail!("{term}: one epoch says nothing") };
    let test = &report["models"]["student"]["test"]["last"];
    Ok(Row {
        gain: number(&report["student_gain_top1"])?,
        top1: number(&test["top1"])?,
        agreement: number(&test["teacher_agreement"])?,
        loss: (number(&first["terms"][term])?, number(&last["terms"][term])?),
        share: last["gradient_shares"][term].as_f64(),
        seconds: number(&stage["seconds"])?,
    })
}

/// Mean and sample deviation; none of nothing.
fn spread(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let values: Vec<f64> = values.collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (!values.is_empty()).then(|| (mean, (squares / (count - 1.0).max(1.0)).sqrt()))
}

/// Four digits at the least, for losses of any size.
fn significant(value: f64) -> String {
    if value.abs() < 1e-3 { format!("{value:.2e}") } else { format!("{value:.4}") }
}

fn show(spread: Option<(f64, f64)>, digits: usize) -> String {
    match spread {
        Some((mean, deviation)) => format!("{mean:.digits$} ± {deviation:.digits$}"),
        None => "–".to_owned(),
    }
}
