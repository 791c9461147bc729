//! Accuracy over each field whose values are numbers.

use std::iter::zip;

use distill_driver::Figure;
use maud::{Markup, html};
use plotters::prelude::*;

use super::{PointFigures, Sweep};
use crate::{
    axes,
    canvas::{Drawn, Ink, SIZE, draw},
    figures::over_seeds,
    plot::{Series, Unit, figure, legend, range},
};

/// Values that have labels at the axis; of more some.
const LABELS: usize = 12;
/// How far a network's points stand from the place of their value, which is as wide as 1.
const ASIDE: f64 = 0.05;

/// One value of a field, with what the points that have it gave.
struct Value {
    text: String,
    student: Figure,
    baseline: Figure,
}

pub(super) fn section(sweep: &Sweep) -> Markup {
    let fields = sweep.fields.iter().enumerate();
    let plots: Vec<Markup> =
        fields.filter_map(|(at, name)| Some(plot(name, &values(sweep, at)?))).collect();
    html! {
        section aria-labelledby="fields" {
            h2 id="fields" { "Each field" }
            @if plots.is_empty() { p { "No field has several numbers as values." } }
            div.plots { @for plot in &plots { (plot) } }
            @if !plots.is_empty() {
                p.note {
                    "Top-1 after the last epoch at each value, evenly spaced. Where several points have a value it is their "
                    "mean; the deviation is that of the seeds."
                }
            }
        }
    }
}

/// The values of a field by size; none where they are no numbers, or fewer than two have a finished run.
fn values(sweep: &Sweep, at: usize) -> Option<Vec<Value>> {
    let mut numbers = Vec::new();
    for point in &sweep.points {
        numbers.push(point.values[at].trim().parse::<f64>().ok().filter(|value| !value.is_nan())?);
    }
    let mut places: Vec<(f64, &str)> =
        zip(&numbers, &sweep.points).map(|(number, point)| (*number, &*point.values[at])).collect();
    places.sort_by(|a, b| a.0.total_cmp(&b.0));
    places.dedup_by(|a, b| a.0 == b.0);
    let values = places.into_iter().filter_map(|(number, text)| {
        let with = zip(&numbers, &sweep.points).filter(|(other, _)| **other == number);
        let with: Vec<&PointFigures> =
            with.filter_map(|(_, point)| point.figures.as_ref()).collect();
        let student = over_points(&with, |figures| &figures.top1_last)?;
        let baseline = over_points(&with, |figures| &figures.baseline)?;
        Some(Value { text: text.trim().to_owned(), student, baseline })
    });
    let values: Vec<Value> = values.collect();
    (values.len() > 1).then_some(values)
}

/// The mean over points, for each seed that all of them have; where there is none, over whatever there is.
fn over_points(points: &[&PointFigures], of: impl Fn(&PointFigures) -> &Figure) -> Option<Figure> {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let common = points.first()?.seeds.iter().filter_map(|seed| {
        let values = points.iter().map(|figures| {
            let at = figures.seeds.iter().position(|other| other == seed)?;
            of(figures).values.get(at).copied()
        });
        Some(mean(&values.collect::<Option<Vec<f64>>>()?))
    });
    let common: Vec<f64> = common.collect();
    Some(match common.is_empty() {
        false => Figure::of(common),
        true => {
            let means: Vec<f64> = points.iter().map(|figures| of(figures).mean).collect();
            Figure::of(vec![mean(&means)])
        }
    })
}

fn plot(name: &str, values: &[Value]) -> Markup {
    let baselines: Vec<&Figure> = values.iter().map(|value| &value.baseline).collect();
    let students: Vec<&Figure> = values.iter().map(|value| &value.student).collect();
    let lines = [(Ink::Baseline, ASIDE, &baselines), (Ink::Student, -ASIDE, &students)];
    let ends = |figure: &Figure| {
        let deviation = figure.deviation.unwrap_or(0.0);
        [figure.mean - deviation, figure.mean + deviation]
    };
    let all = baselines.iter().chain(&students);
    let y = range(all.flat_map(|figure| ends(figure))).expect("accuracies are numbers");
    let span = y.end - y.start;
    let svg = draw(SIZE, |root| -> Drawn {
        let mut chart = axes::chart(root, 110, -0.4..values.len() as f64 - 0.6, y)?;
        axes::mesh(&mut chart)
            .disable_x_mesh()
            .x_desc(name)
            .x_labels(values.len().min(LABELS))
            .y_labels(6)
            .x_label_formatter(&|x| {
                let is_place = (x - x.round()).abs() < 1e-6 && *x > -0.5;
                let value = values.get(x.round().max(0.0) as usize).filter(|_| is_place);
                value.map_or_else(String::new, |value| value.text.clone())
            })
            .y_label_formatter(&|y| Unit::Share.tick(*y, span))
            .draw()?;
        for (ink, aside, figures) in lines {
            let colour = ink.colour();
            let line =
                figures.iter().enumerate().map(|(at, figure)| (at as f64 + aside, figure.mean));
            match ink.dash() {
                Some([dash, gap]) => {
                    let style = colour.stroke_width(3);
                    chart.draw_series(DashedLineSeries::new(line.clone(), dash, gap, style))?;
                }
                None => {
                    chart.draw_series(LineSeries::new(line.clone(), colour.stroke_width(4)))?;
                }
            }
            for ((x, y), figure) in line.zip(figures) {
                if figure.deviation.is_some() {
                    let bar = ends(figure).map(|end| (x, end));
                    chart.draw_series([PathElement::new(bar, colour.stroke_width(3))])?;
                }
                chart.draw_series([Circle::new((x, y), 7, colour.filled())])?;
            }
        }
        Ok(())
    });
    let said: Vec<String> = values
        .iter()
        .map(|value| {
            format!(
                "{}: student {}, baseline {}",
                value.text,
                over_seeds(&value.student),
                over_seeds(&value.baseline)
            )
        })
        .collect();
    let table = html! {
        table {
            thead { tr { @for name in [name, "student", "baseline"] { th scope="col" { (name) } } } }
            tbody { @for value in values { tr {
                th scope="row" { (value.text) }
                td { (over_seeds(&value.student)) }
                td { (over_seeds(&value.baseline)) }
            } } }
        }
    };
    let series = |name: &str, ink| Series { name: name.to_owned(), ink, points: Vec::new() };
    let legend = legend(&[series("student", Ink::Student), series("baseline", Ink::Baseline)]);
    let caption = format!("top-1 over {name}. {}.", said.join("; "));
    figure(name, &caption, &svg, Some(legend), &table)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::sample;

    #[test]
    fn values_are_in_the_order_of_numbers_and_means_over_their_points() {
        let mut sweep = sample(&[("1e-2", 1, None), ("1e-4", 1, None), ("1e-2", 2, None)]);
        let accuracies = [[0.5, 0.7], [0.2, 0.4], [0.7, 0.7]];
        for (point, values) in zip(&mut sweep.points, accuracies) {
            let figures = point.figures.as_mut().unwrap();
            (figures.seeds, figures.top1_last) = (vec![1, 2], Figure::of(values.to_vec()));
        }
        let found = values(&sweep, 0).unwrap();
        let texts: Vec<&str> = found.iter().map(|value| &*value.text).collect();
        assert_eq!(texts, ["1e-4", "1e-2"]);
        // Seed 1: (0.5 + 0.7) / 2, seed 2: (0.7 + 0.7) / 2.
        let both = &found[1].student.values;
        assert!((both[0] - 0.6).abs() < 1e-12 && (both[1] - 0.7).abs() < 1e-12, "{both:?}");
        let page = section(&sweep).into_string();
        assert!(page.contains("1e-2: student 65.00 ± 7.07 %"), "{page}");

        sweep.points[0].values[0] = "[[4]]".to_owned();
        assert!(values(&sweep, 0).is_none());
        assert!(section(&sweep).into_string().contains("No field has several numbers"));
    }

    #[test]
    fn seeds_that_some_points_lack_are_left_out() {
        let mut sweep = sample(&[("1", 1, None), ("1", 2, None)]);
        let all = [(vec![1, 2], vec![0.5, 0.1]), (vec![1], vec![0.7])];
        for (point, (seeds, values)) in zip(&mut sweep.points, all) {
            let figures = point.figures.as_mut().unwrap();
            (figures.seeds, figures.top1_last) = (seeds, Figure::of(values));
        }
        let figures: Vec<&PointFigures> = sweep.done().map(|(_, figures)| figures).collect();
        let mean = over_points(&figures, |figures| &figures.top1_last).unwrap();
        assert!((mean.mean - 0.6).abs() < 1e-12 && mean.values.len() == 1);
    }
}
