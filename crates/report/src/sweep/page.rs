//! `sweep.html`: which point is the best, what size buys, and every point with its numbers.

use distill_driver::{Difference, Over};
use maud::{Markup, html};

use super::{Point, PointFigures, Sweep, fields, pareto};
use crate::{
    figures::{duration, mebibytes, over_seeds, percent, points, points_lost, thousands},
    frame::Frame,
};

pub(super) fn html(sweep: &Sweep) -> Markup {
    let frame = Frame {
        kind: "Sweep",
        title: &sweep.recipe,
        subtitle: html! {
            (sweep.points.len()) " points of " (sweep.fields.join(", ")) ", " (sweep.backend) "."
        },
        sections: &[
            ("front", "Accuracy and its price"),
            ("fields", "Each field"),
            ("points", "All points"),
        ],
        main: html! { (answer(sweep)) (fronts(sweep)) (fields::section(sweep)) (table(sweep)) },
        source: super::SWEEP,
    };
    frame.html()
}

fn answer(sweep: &Sweep) -> Markup {
    let Some((point, figures)) = sweep.chosen() else {
        if let Some((point, figures)) = sweep.most_gained() {
            return nothing_gained(point, figures);
        }
        return html! {
            section.answer aria-labelledby="answer" {
                h2 id="answer" { "No run is finished yet" }
                p { "The same command goes on with the sweep." }
            }
        };
    };
    let best =
        sweep.done().map(|(_, other)| other.top1_last.mean).fold(f64::NEG_INFINITY, f64::max);
    let seeds = figures.seeds.len();
    html! {
        section.answer aria-labelledby="answer" {
            h2 id="answer" {
                (name(&point.name)) ", which validation chooses, " (gained(&figures.gain))
            }
            p {
                "It gets " strong { (over_seeds(&figures.top1_last)) } " of the test images right, and its baseline, the same "
                "network on labels alone, " (over_seeds(&figures.baseline)) ". The student is a " (figures.architecture)
                " of " (thousands(figures.parameters)) " parameters. Mean ± deviation over " (seeds)
                @if seeds == 1 { " seed" } @else { " seeds" } ", after the last epoch."
            }
            p {
                "Its accuracy on the " em { "validation" } " images chose it (" (over_seeds(&figures.validation)) "). The best "
                "of " (sweep.done().count()) " points on the test images themselves gets " (percent(best))
                "; to choose by them would be to report the luckiest point. The more points are tried, the more does the "
                "choice owe to chance: another seed may choose another."
            }
        }
    }
}

/// The answer where each student is worse than its own baseline.
fn nothing_gained(point: &Point, figures: &PointFigures) -> Markup {
    html! {
        section.answer aria-labelledby="answer" {
            h2 id="answer" { "No student is as good as its baseline" }
            p {
                "The smallest loss is that of " (name(&point.name)) ": its student gets "
                strong { (over_seeds(&figures.top1_last)) } " of the test images right, its baseline, the same network on labels "
                "alone, " strong { (over_seeds(&figures.baseline)) } ". It " (gained(&figures.gain)) "."
            }
            p {
                "Points whose student is worse than its baseline are not chosen, however good they are on the validation images."
            }
        }
    }
}

/// The gain in words, with its interval.
fn gained(gain: &Difference) -> String {
    let mean = points(gain.figure.mean);
    let Some([low, high]) = gain.interval else {
        return format!("differs from its baseline by {mean} points");
    };
    let change = if low > 0.0 {
        format!("gained {mean} points")
    } else if high < 0.0 {
        format!("lost {} points by distillation", points_lost(gain.figure.mean))
    } else {
        format!("shows no clear gain: {mean} points")
    };
    let over = match gain.over {
        Over::Runs => "",
        Over::Images => " over the images of one run",
    };
    format!("{change} (95 % interval{over} {} to {})", points(low), points(high))
}

/// A point's name, in lines that end between its fields.
pub(crate) fn name(name: &str) -> Markup {
    const SHORT: usize = 24;
    html! {
        @for (at, part) in name.split(',').enumerate() {
            @if at > 0 { ", " }
            @if part.len() <= SHORT { span.part { (part) } } @else { (part) }
        }
    }
}

fn fronts(sweep: &Sweep) -> Markup {
    let chosen = sweep.chosen().map(|(point, _)| point.name.as_str());
    let places = |cost: &dyn Fn(&PointFigures) -> Option<f64>| -> Vec<pareto::Place> {
        let places = sweep.points.iter().enumerate().filter_map(|(at, point)| {
            let figures = point.figures.as_ref()?;
            Some(pareto::Place {
                number: at + 1,
                name: point.name.clone(),
                cost: cost(figures)?,
                accuracy: figures.top1_last.mean,
                deviation: figures.top1_last.deviation,
                is_chosen: chosen == Some(point.name.as_str()),
            })
        });
        places.collect()
    };
    let size = places(&|figures| Some(figures.parameters as f64));
    let time = places(&|figures| sweep.latency(figures));
    html! {
        section aria-labelledby="front" {
            h2 id="front" { "Accuracy and its price" }
            div.plots {
                @if let Some(plot) = pareto::plot("Against size", "parameters", &size, &|x| thousands(x.max(0.0) as u64)) {
                    (plot)
                }
                @if let Some(plot) = pareto::plot("Against latency", "one image", &time, &|x| duration(x.max(0.0))) { (plot) }
            }
            @if !time.is_empty() {
                p.note {
                    "Numbers are those of the table below. Latency is the median of the passes with one image at a time, "
                    "and over all points that have the same network."
                }
            }
        }
    }
}

fn table(sweep: &Sweep) -> Markup {
    let front = sweep.front(|figures| Some(figures.parameters as f64));
    let chosen = sweep.chosen().map(|(point, _)| point.name.as_str());
    let header = ["Point", "Seeds", "Validation", "Top-1", "Selected", "NLL", "Baseline", "Gain"];
    html! {
        section aria-labelledby="points" {
            h2 id="points" { "All points" }
            div.wide tabindex="0" role="region" aria-label="Table of all points" {
                table.grid {
                    thead { tr { @for name in header { th scope="col" { (name) } } } }
                    tbody { @for (at, point) in sweep.points.iter().enumerate() { tr {
                        th scope="row" {
                            (at + 1) ". " (name(&point.name))
                            @if chosen == Some(point.name.as_str()) { " ◯" }
                            @if front.contains(&point.name.as_str()) { " ●" }
                        }
                        @if let Some(figures) = &point.figures { (cells(figures)) }
                        @else { td colspan="7" { @if point.failures.is_empty() { "not run yet" } @else { "failed" } } }
                    } } }
                }
            }
            p.note {
                "◯ chosen by validation among those no worse than their baseline, ● on the front of accuracy against parameters. Mean ± deviation over the seeds; top-1 "
                "and NLL (nats) of the student after its last epoch, on the test images."
            }
            h3 { "What each costs" }
            div.wide tabindex="0" role="region" aria-label="What each point costs" {
                table.grid {
                    thead { tr { @for name in ["Point", "Network", "Parameters", "Multiply–accumulates", "Size", "Latency"] {
                        th scope="col" { (name) }
                    } } }
                    tbody { @for (point, figures) in sweep.done() { tr {
                        th scope="row" { (name(&point.name)) }
                        td { (figures.architecture) }
                        td { (thousands(figures.parameters)) }
                        td { (thousands(figures.macs)) }
                        td { (mebibytes(figures.bytes)) }
                        td { (sweep.latency(figures).map_or_else(|| "–".to_owned(), duration)) }
                    } } }
                }
            }
            @let failures: Vec<(&Point, &String)> = sweep
                .points
                .iter()
                .flat_map(|point| point.failures.iter().map(move |failure| (point, failure)))
                .collect();
            @if !failures.is_empty() {
                h3 { "What stopped runs" }
                ul { @for (point, failure) in failures { li { (name(&point.name)) ", " (failure) } } }
            }
        }
    }
}

fn cells(figures: &PointFigures) -> Markup {
    let nll = figures.nll.deviation.map_or(String::new(), |d| format!(" ± {d:.4}"));
    html! {
        td { (figures.seeds.len()) }
        td { (over_seeds(&figures.validation)) }
        td { (over_seeds(&figures.top1_last)) }
        td { (over_seeds(&figures.top1_selected)) }
        td { (format!("{:.4}", figures.nll.mean)) (nll) }
        td { (over_seeds(&figures.baseline)) }
        td { (points(figures.gain.figure.mean)) }
    }
}

#[cfg(test)]
mod tests {
    use distill_driver::Figure;

    use super::*;
    use crate::sweep::sample;

    #[test]
    fn the_answer_is_as_clear_as_the_interval() {
        let mut sweep = sample(&[("1", 10, Some(0.001)), ("2", 20, None)]);
        let said = |sweep: &Sweep| html(sweep).into_string();
        let page = said(&sweep);
        assert!(page.contains(
            "<span class=\"part\">field=2</span>, which validation chooses, gained +10.00 points"
        ));
        let gain = &mut sweep.points[1].figures.as_mut().unwrap().gain;
        gain.interval = Some([-0.01, 0.2]);
        assert!(said(&sweep).contains("shows no clear gain: +10.00 points"));
        let loss = Difference {
            figure: Figure::of(vec![-0.15]),
            interval: Some([-0.2, -0.1]),
            over: Over::Images,
        };
        assert!(gained(&loss).starts_with("lost 15.00 points by distillation (95 % interval"));
        sweep
            .points
            .iter_mut()
            .for_each(|point| point.figures.as_mut().unwrap().gain = loss.clone());
        assert!(said(&sweep).contains("lost 15.00 points by distillation"));
    }

    #[test]
    fn what_failed_is_said_apart_from_what_was_not_run() {
        let mut sweep = sample(&[("1", 10, None), ("2", 20, None), ("3", 30, None)]);
        sweep.points[0].figures = None;
        sweep.points[1].figures = None;
        sweep.points[1].failures = vec!["seed 1: no number & <b>".to_owned()];
        let page = html(&sweep).into_string();
        assert!(page.contains("not run yet</td>") && page.contains("failed</td>"), "{page}");
        assert!(page.contains(", seed 1: no number &amp; &lt;b&gt;</li>"), "{page}");
        sweep.points[2].figures = None;
        assert!(html(&sweep).into_string().contains("No run is finished yet"));
    }
}
