//! A sweep as a table on standard output.

use distill_report::Sweep;

use crate::{
    commands::{compare, print_json},
    output::{self, Table, duration, mebibytes, thousands},
};

pub(super) fn print(sweep: &Sweep, json: bool) -> anyhow::Result<()> {
    if json {
        return print_json(&sweep.record());
    }
    let header =
        ["", "point", "validation", "top-1", "NLL", "gain", "parameters", "size", "latency"];
    let mut table = Table::new(header).numbers_from(2).keys(2);
    let front = sweep.front(|figures| Some(figures.parameters as f64));
    let chosen = sweep.chosen().map(|(point, _)| &point.name);
    for point in &sweep.points {
        let marks = [(chosen == Some(&point.name), '*'), (front.contains(&&point.name[..]), '|')];
        let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
        let Some(figures) = &point.figures else {
            let why = if point.failures.is_empty() { "not run" } else { "failed" };
            table.row([&marks, &point.name, why]);
            continue;
        };
        table.row([
            marks,
            point.name.clone(),
            compare::percent(&figures.validation),
            compare::percent(&figures.top1_last),
            format!("{:.4}", figures.nll.mean),
            format!("{:+.2}", 100.0 * figures.gain.figure.mean),
            thousands(figures.parameters),
            mebibytes(figures.bytes),
            sweep.latency(figures).map_or_else(|| "-".to_owned(), milliseconds),
        ]);
    }
    output::result(table);
    let star = match (chosen, sweep.most_gained()) {
        (None, Some((point, figures))) => {
            let (name, lost) = (&point.name, -100.0 * figures.gain.figure.mean);
            format!(
                "none chosen: no student is as good as its baseline ({name} lost least: {lost:.2} points)"
            )
        }
        _ => "* chosen by validation among those no worse than their baseline".to_owned(),
    };
    output::prose(&format!(
        "{star}; | no smaller student is better (Pareto front of test top-1 against parameters). Mean ± \
         deviation over the seeds, after the last epoch.",
    ));
    Ok(())
}

fn milliseconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.2} ms", 1e3 * seconds) } else { duration(seconds) }
}
