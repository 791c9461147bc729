//! Plots as SVG, in the page's inks, each with its name, its legend and its numbers as a table.

use std::ops::Range;

use maud::{Markup, PreEscaped, html};
use plotters::prelude::*;

use crate::{
    axes,
    canvas::{Ink, SIZE, draw},
    figures::percent,
};

/// A line of a plot.
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) ink: Ink,
    pub(crate) points: Vec<(f64, f64)>,
}

/// What the values of a plot are, which says how they are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Fractions, as percent.
    Share,
    /// Nats, or what a term is measured in.
    Nats,
}

impl Unit {
    /// A value in full.
    fn value(self, value: f64) -> String {
        match (self, value.abs()) {
            (Self::Share, _) => percent(value),
            (Self::Nats, 100.0..) => format!("{value:.0}"),
            (Self::Nats, 1.0..) => format!("{value:.2}"),
            (Self::Nats, 0.001..) => format!("{value:.3}"),
            (Self::Nats, 0.0) => "0".to_owned(),
            (Self::Nats, _) => format!("{value:.1e}"),
        }
    }

    /// A value at an axis that spans so much.
    pub(crate) fn tick(self, value: f64, span: f64) -> String {
        let (value, span, unit) = match self {
            Self::Share => (100.0 * value, 100.0 * span, " %"),
            Self::Nats => (value, span, ""),
        };
        let digits = (1.0 - span.log10()).ceil().clamp(0.0, 6.0) as usize;
        format!("{value:.digits$}{unit}").replace('-', "−")
    }
}

/// A plot of lines.
pub(crate) struct Lines<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
    /// What values are.
    pub(crate) unit: Unit,
    pub(crate) series: Vec<Series>,
    /// Between two lines, in the ink of the first series.
    pub(crate) band: Vec<(f64, [f64; 2])>,
}

impl Lines<'_> {
    /// The plot as a figure; none without points.
    pub(crate) fn figure(&self) -> Option<Markup> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let (x, y) = (range(points().map(|(x, _)| *x))?, range(self.heights())?);
        let span = y.end - y.start;
        let svg = draw(SIZE, |root| {
            let mut chart = axes::chart(root, 96, x, y)?;
            axes::mesh(&mut chart)
                .disable_x_mesh()
                .x_desc(self.x)
                .x_labels(6)
                .y_labels(6)
                .x_label_formatter(&|x| short(*x))
                .y_label_formatter(&|y| self.unit.tick(*y, span))
                .draw()?;
            if let Some(first) = self.series.first().filter(|_| !self.band.is_empty()) {
                let low = self.band.iter().map(|(x, [low, _])| (*x, *low));
                let high = self.band.iter().rev().map(|(x, [_, high])| (*x, *high));
                let outline: Vec<_> = low.chain(high).collect();
                let fill = first.ink.colour().mix(0.18).filled();
                chart.draw_series([Polygon::new(outline, fill)])?;
            }
            for Series { ink, points, .. } in &self.series {
                let style = ink.colour().stroke_width(4);
                match (ink.dash(), &points[..]) {
                    (_, [only]) => {
                        chart.draw_series([Circle::new(*only, 7, ink.colour().filled())])?;
                    }
                    (Some([dash, gap]), _) => {
                        let line = points.iter().copied();
                        chart.draw_series(DashedLineSeries::new(line, dash, gap, style))?;
                    }
                    (None, _) => {
                        chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
                    }
                }
            }
            Ok(())
        });
        let table = html! {
            table {
                thead { tr {
                    th scope="col" { (self.x) }
                    @for series in &self.series { th scope="col" { (series.name) } }
                } }
                tbody { @for x in self.places() { tr {
                    th scope="row" { (short(x)) }
                    @for series in &self.series { td { (self.at(series, x)) } }
                } } }
            }
        };
        Some(figure(self.title, &self.caption(), &svg, Some(legend(&self.series)), &table))
    }

    fn heights(&self) -> impl Iterator<Item = f64> {
        let points = self.series.iter().flat_map(|series| series.points.iter().map(|(_, y)| *y));
        points.chain(self.band.iter().flat_map(|(_, both)| *both))
    }

    /// Some of the places along the x axis, the last one too.
    fn places(&self) -> Vec<f64> {
        let mut all: Vec<f64> =
            self.series.iter().flat_map(|s| s.points.iter().map(|(x, _)| *x)).collect();
        all.sort_by(f64::total_cmp);
        all.dedup();
        let every = all.len().div_ceil(20).max(1);
        all.reverse();
        let mut some: Vec<f64> = all.into_iter().step_by(every).collect();
        some.reverse();
        some
    }

    fn at(&self, series: &Series, x: f64) -> String {
        let there = series.points.iter().find(|point| point.0 == x);
        there.map_or_else(|| "–".to_owned(), |(_, y)| self.unit.value(*y))
    }

    /// The plot in words: where each line starts and ends.
    fn caption(&self) -> String {
        let ends = self.series.iter().map(|series| match &series.points[..] {
            [(x, y)] => format!("{}: {} at {}", series.name, self.unit.value(*y), short(*x)),
            [(_, from), .., (_, to)] => {
                format!(
                    "{} from {} to {}",
                    series.name,
                    self.unit.value(*from),
                    self.unit.value(*to)
                )
            }
            [] => format!("{}: nothing", series.name),
        });
        format!("{} over {}. {}.", self.y, self.x, ends.collect::<Vec<_>>().join("; "))
    }
}

/// A plot with its name, what it says in words, and its numbers.
pub(crate) fn figure(
    title: &str,
    caption: &str,
    svg: &str,
    legend: Option<Markup>,
    table: &Markup,
) -> Markup {
    // The size is the page's affair, and a picture has a name.
    let from = svg.find("viewBox").expect("an SVG has a view box");
    let name = html! { (title) ". " (caption) }.into_string();
    let svg = format!("<svg role=\"img\" aria-label=\"{name}\" {}", &svg[from..]);
    html! {
        figure {
            h3 { (title) }
            @if let Some(legend) = legend { (legend) }
            (PreEscaped(svg))
            details {
                summary { "Numbers of “" (title) "”" }
                p { (caption) }
                div.wide tabindex="0" role="region" aria-label={ "Numbers of " (title) } { (table) }
            }
        }
    }
}

/// Which line is whose.
pub(crate) fn legend(series: &[Series]) -> Markup {
    html! {
        ul.legend { @for one in series { li { (sample(one.ink)) " " (one.name) } } }
    }
}

/// A short line in this ink.
fn sample(ink: Ink) -> Markup {
    let RGBColor(r, g, b) = ink.colour();
    let dash = ink.dash().map(|[dash, gap]| format!("{} {}", dash / 2, gap / 2));
    html! {
        svg aria-hidden="true" viewBox="0 0 36 8" width="36" height="8" {
            line x1="0" y1="4" x2="36" y2="4" stroke-width="3"
                stroke=(format!("#{r:02X}{g:02X}{b:02X}")) stroke-dasharray=[dash] {}
        }
    }
}

/// From the least to the greatest, with a little room; none without numbers.
pub(crate) fn range(values: impl Iterator<Item = f64>) -> Option<Range<f64>> {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    let room = match high - low {
        0.0 => (high.abs() * 0.05).max(1e-3),
        width => 0.04 * width,
    };
    (low <= high).then_some(low - room..high + room)
}

/// A number without zeros that say nothing.
pub(crate) fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.replace('-', "−") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(points: Vec<(f64, f64)>) -> Lines<'static> {
        let series = vec![Series { name: "a <b> & \"c\"".to_owned(), ink: Ink::Teacher, points }];
        let unit = Unit::Nats;
        Lines { title: "T", x: "epoch", y: "loss", unit, series, band: Vec::new() }
    }

    #[test]
    fn a_plot_has_a_name_a_legend_and_its_numbers() {
        let page = lines(vec![(1.0, 0.5), (2.0, 0.25)]).figure().unwrap().into_string();
        assert!(page.contains("role=\"img\" aria-label=\"T. loss over epoch."), "{page}");
        assert!(page.contains("a &lt;b&gt; &amp; &quot;c&quot; from 0.500 to 0.250"), "{page}");
        assert!(!page.contains("<b>"), "names are text");
        assert!(page.contains("<td>0.500</td>") && page.contains("stroke-dasharray"));
        assert!(!page.contains("width=\"800\""), "the page decides about the size");
    }

    #[test]
    fn one_point_is_shown_and_no_point_is_no_plot() {
        assert!(lines(vec![(1.0, 0.5)]).figure().unwrap().into_string().contains("<circle"));
        assert!(lines(Vec::new()).figure().is_none());
        assert!(lines(vec![(1.0, f64::NAN)]).figure().is_none());
    }

    #[test]
    fn an_axis_has_the_digits_that_its_span_needs() {
        assert_eq!(Unit::Share.tick(0.8, 0.4), "80 %");
        assert_eq!(Unit::Share.tick(0.9852, 0.02), "98.5 %");
        assert_eq!(Unit::Nats.tick(0.6, 1.2), "0.6");
        assert_eq!(Unit::Nats.tick(-40.0, 90.0), "−40");
        assert_eq!(Unit::Nats.tick(0.6, 0.05), "0.600");
        assert_eq!(
            [0.0, 5e-5, 0.25, 3.0, 250.4].map(|v| Unit::Nats.value(v)),
            ["0", "5.0e-5", "0.250", "3.00", "250"]
        );
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([3.0, 0.5, -0.001, -1.25].map(short), ["3", "0.5", "0", "−1.25"]);
    }
}
