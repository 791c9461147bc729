//! How sure the networks are against how often they are right.

use distill_driver::evaluation::{Bin, Calibration};
use maud::{Markup, html};
use plotters::prelude::*;

use crate::{
    axes,
    canvas::{self, Ink, SIZE},
    figures::{percent, thousands},
    finished::Finished,
    plot,
};

pub(crate) fn section(run: &Finished) -> Markup {
    let models = &run.report.models;
    let three = [
        ("Teacher", &models.teacher, Ink::Teacher),
        ("Baseline", &models.baseline, Ink::Baseline),
        ("Student", &models.student, Ink::Student),
    ];
    let bins = run.evidence.as_ref().map(|evidence| {
        let of = &evidence.reliability;
        [&of.teacher, &of.baseline, &of.student]
    });
    html! {
        section aria-labelledby="calibration" {
            h2 id="calibration" { "Calibration" }
            p {
                "A network is calibrated where it is right as often as it says: its bars reach the diagonal. Below it, it is "
                "too sure. The teacher is shown with the weights that taught. One temperature, fitted on the validation images, divides all logits; which class is likeliest "
                "does not change."
            }
            @if let Some(bins) = bins {
                div.plots { @for ((name, _, ink), bins) in three.iter().zip(bins) { (diagram(name, *ink, bins)) } }
            }
            div.wide tabindex="0" role="region" aria-label="Table of calibration" {
                table.side {
                    thead { tr {
                        td {}
                        @for (name, _, _) in three { th scope="col" { (name) } }
                    } }
                    tbody { @for (name, digits, of) in ROWS { tr {
                        th scope="row" { (name) }
                        @for (_, model, _) in three { td { (format!("{:.digits$}", of(&model.calibration))) } }
                    } } }
                }
            }
        }
    }
}

/// A row of the table: its name, digits and value.
type Row = (&'static str, usize, fn(&Calibration) -> f64);

const ROWS: [Row; 5] = [
    ("Calibration error (ECE)", 4, |of| of.ece),
    ("NLL, nats", 4, |of| of.nll),
    ("Best temperature", 2, |of| of.temperature),
    ("ECE with it", 4, |of| of.ece_scaled),
    ("NLL with it, nats", 4, |of| of.nll_scaled),
];

/// Pixels of the numbers of images below a diagram.
const COUNTS: u32 = 170;
/// Pixels of the labels beside it.
const BESIDE: u32 = 124;

/// A bar for each bin that has images: how often the network is right, and below how many images it has.
fn diagram(name: &str, ink: Ink, bins: &[Bin]) -> Markup {
    let width = 1.0 / bins.len() as f64;
    let whole = |value: f64| format!("{:.0} %", 100.0 * value);
    let held = || bins.iter().enumerate().filter(|(_, bin)| bin.images > 0);
    let most = bins.iter().map(|bin| bin.images).max().unwrap_or(0).max(1) as f64;
    let (width_of_plot, height) = SIZE;
    let svg = canvas::draw((width_of_plot, height + COUNTS), |root| {
        let (above, below) = root.split_vertically(height);
        let mut chart = axes::chart(&above, BESIDE, 0.0..1.0, 0.0..1.0)?;
        axes::mesh(&mut chart)
            .disable_x_mesh()
            .x_desc("confidence")
            .y_desc("right")
            .x_labels(5)
            .y_labels(5)
            .x_label_formatter(&|x| whole(*x))
            .y_label_formatter(&|y| whole(*y))
            .draw()?;
        let edges = |at: usize| ((at as f64 + 0.1) * width, (at as f64 + 0.9) * width);
        let bars = held().map(|(at, bin)| {
            let ((left, right), top) = (edges(at), bin.right as f64 / bin.images as f64);
            Rectangle::new([(left, 0.0), (right, top)], ink.colour().mix(0.75).filled())
        });
        chart.draw_series(bars)?;
        let diagonal = [(0.0, 0.0), (1.0, 1.0)];
        chart.draw_series(LineSeries::new(diagonal, Ink::Text.colour().stroke_width(3)))?;

        let mut builder = ChartBuilder::on(&below);
        builder.margin(12).margin_right(44).y_label_area_size(BESIDE);
        let mut chart = builder.build_cartesian_2d(0.0..1.0, 0.0..1.05 * most)?;
        axes::mesh(&mut chart)
            .disable_mesh()
            .x_labels(0)
            .y_labels(2)
            .y_desc("images")
            .y_label_formatter(&|y| plot::short(*y))
            .draw()?;
        let bars = held().map(|(at, bin)| {
            let (left, right) = edges(at);
            Rectangle::new([(left, 0.0), (right, bin.images as f64)], ink.colour().filled())
        });
        chart.draw_series(bars)?;
        Ok(())
    });
    let all: usize = bins.iter().map(|bin| bin.images).sum();
    let surest = held().next_back().map_or(0, |(_, bin)| bin.images);
    let caption = format!(
        "How often it is right, by confidence, against the diagonal; below the number of images in each bin. {} of {} \
         images are in the surest bin.",
        thousands(surest as u64),
        thousands(all as u64)
    );
    let table = html! { table {
        thead { tr {
            @for name in ["Bin", "Images", "Mean confidence", "Right"] { th scope="col" { (name) } }
        } }
        tbody { @for (at, bin) in held() {
            @let (images, at) = (bin.images as f64, at as f64);
            tr {
                th scope="row" { (whole(at * width)) " to " (whole((at + 1.0) * width)) }
                td { (thousands(bin.images as u64)) }
                td { (percent(bin.confidence / images)) }
                td { (percent(bin.right as f64 / images)) }
            }
        } }
    } };
    plot::figure(&format!("{name}: reliability"), &caption, &svg, None, &table)
}
