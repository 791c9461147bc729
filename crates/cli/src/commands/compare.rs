//! `distill compare`: finished runs beside one another.

use std::path::{Path, PathBuf};

use distill_driver::{ClassFigures, Comparison, Difference, Figure, Group, MissingFigures, Over};

use super::print_json;
use crate::output::{self, Table, thousands};

/// Classes that are shown where there are many.
const CLASSES: usize = 10;

pub(crate) fn execute(runs: &[PathBuf], json: bool, html: Option<&Path>) -> anyhow::Result<()> {
    let comparison = Comparison::of(runs)?;
    print(&comparison, json)?;
    if let Some(page) = html {
        distill_report::write_comparison(&comparison, page)?;
        output::note(&format!("report: {}", page.display()));
    }
    Ok(())
}

pub(crate) fn print(comparison: &Comparison, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(comparison);
    }
    for (at, group) in comparison.groups.iter().enumerate() {
        if at > 0 {
            output::result("");
        }
        print_group(group, &comparison.groups[0]);
    }
    Ok(())
}

fn print_group(group: &Group, first: &Group) {
    let seeds: Vec<String> = group.seeds.iter().map(u64::to_string).collect();
    let seeds = seeds.join(", ");
    output::prose(&format!(
        "{}, {}, seeds {seeds}: {}",
        group.recipe, group.backend, group.formula
    ));
    output::result(models(group));
    output::prose(&format!(
        "student minus baseline, top-1: {} after the last epoch, {} of the selected epochs",
        difference(&group.gain_last),
        difference(&group.gain_selected)
    ));
    if let Some(against) = &group.against_first {
        output::prose(&format!(
            "student minus that of {} ({}), same seeds: {}",
            first.recipe,
            first.formula,
            difference(against)
        ));
    }
    for model in &group.models {
        if let Some(missing) = &model.missing {
            output::prose(&of_missing(model.stage.name(), missing));
        }
    }
    output::result(calibration(group));
    output::result(classes(group));
    let over = match group.gain_last.over {
        Over::Runs => "over the runs (Student's t)",
        Over::Images => "over the test images of this one run; another seed may differ by more",
    };
    let runs = match group.runs.len() {
        1 => "One run".to_owned(),
        several => format!("Mean ± deviation of {several} runs"),
    };
    output::prose(&format!(
        "{runs}; in brackets the 95 % interval {over}. {} test images. NLL (nats), ECE and \
         agreement after the last epoch; T is the temperature that fits the validation images best.",
        thousands(group.images as u64)
    ));
}

fn models(group: &Group) -> Table {
    let header = ["model", "network", "top-1 last", "top-1 selected", "agreement"];
    let mut table = Table::new(header).numbers_from(2);
    for model in &group.models {
        table.row([
            model.stage.name().to_owned(),
            model.architecture.clone(),
            percent(&model.top1_last),
            percent(&model.top1_selected),
            model.teacher_agreement.as_ref().map_or_else(|| "-".to_owned(), percent),
        ]);
    }
    table
}

fn calibration(group: &Group) -> Table {
    let mut table =
        Table::new(["model", "NLL", "ECE", "T", "NLL at T", "ECE at T"]).numbers_from(1);
    for model in &group.models {
        table.row([
            model.stage.name().to_owned(),
            number(&model.nll, 4),
            number(&model.ece, 4),
            number(&model.temperature, 2),
            number(&model.nll_scaled, 4),
            number(&model.ece_scaled, 4),
        ]);
    }
    table
}

fn classes(group: &Group) -> Table {
    let header = ["class", "images", "baseline", "student", "change", "gained", "lost"];
    let mut table = Table::new(header).numbers_from(1);
    let mut rows: Vec<&ClassFigures> = group.classes.iter().collect();
    if rows.len() > CLASSES {
        let change = |class: &ClassFigures| (class.student - class.baseline).abs();
        rows.sort_by(|a, b| change(b).total_cmp(&change(a)));
        rows.truncate(CLASSES);
    }
    for class in rows {
        table.row([
            class.name.clone(),
            thousands(class.images as u64),
            format!("{:.2} %", 100.0 * class.baseline),
            format!("{:.2} %", 100.0 * class.student),
            format!("{:+.2}", 100.0 * (class.student - class.baseline)),
            format!("{:.1}", class.gained),
            format!("{:.1}", class.lost),
        ]);
    }
    table
}

fn of_missing(name: &str, missing: &MissingFigures) -> String {
    let [errors, own, shifted, shifted_own, bound] = [
        &missing.errors,
        &missing.errors_of_missing,
        &missing.shifted,
        &missing.shifted_of_missing,
        &missing.bound,
    ]
    .map(|figure| number(figure, 0));
    format!(
        "{name} without {} ({} test images): {errors} errors, {own} of them on these; {shifted}, {shifted_own} \
         with their logits shifted as the validation images say (at best {bound}).",
        missing.classes.join(", "),
        thousands(missing.images as u64)
    )
}

pub(crate) fn percent(figure: &Figure) -> String {
    let deviation = figure.deviation.map_or(String::new(), |d| format!(" ± {:.2}", 100.0 * d));
    format!("{:.2}{deviation} %", 100.0 * figure.mean)
}

fn number(figure: &Figure, digits: usize) -> String {
    let deviation = figure.deviation.map_or(String::new(), |d| format!(" ± {d:.digits$}"));
    format!("{:.digits$}{deviation}", figure.mean)
}

fn difference(difference: &Difference) -> String {
    let figure = &difference.figure;
    let deviation = figure.deviation.map_or(String::new(), |d| format!(" ± {:.2}", 100.0 * d));
    let interval = difference.interval.map_or(String::new(), |[low, high]| {
        format!(" [{:+.2}, {:+.2}]", 100.0 * low, 100.0 * high)
    });
    format!("{:+.2}{deviation}{interval} points", 100.0 * figure.mean)
}
