//! What accuracy costs: points, their deviations, and the front of those that nothing beats.

use maud::{Markup, html};
use plotters::prelude::*;

use super::labels::{self, Area, Labelled, along};
use crate::{
    axes,
    canvas::{Drawn, Ink, SIZE, draw},
    figures::percent,
    plot::{figure, range},
};

/// Pixels from a point's centre to its edge, and to the ring around the chosen one.
const DOT: i32 = 8;
const RING: i32 = 16;

/// One point of the plot.
pub(crate) struct Place {
    /// What it is called in the plot.
    pub(crate) number: usize,
    pub(crate) name: String,
    pub(crate) cost: f64,
    /// A fraction.
    pub(crate) accuracy: f64,
    /// Deviation over the seeds.
    pub(crate) deviation: Option<f64>,
    /// Whether it is the one that validation chose.
    pub(crate) is_chosen: bool,
}

/// Indices of the places `[cost, accuracy]` that none beats in both or is equal in one and better in the other, by
/// rising cost.
pub(crate) fn front(places: &[[f64; 2]]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..places.len()).collect();
    let of = |at: usize| places[at];
    order.sort_by(|a, b| {
        let ([cost_a, accuracy_a], [cost_b, accuracy_b]) = (of(*a), of(*b));
        cost_a.total_cmp(&cost_b).then(accuracy_b.total_cmp(&accuracy_a))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|at| {
        let [_, accuracy] = of(*at);
        let is_better = accuracy > best;
        best = best.max(accuracy);
        is_better
    });
    order
}

/// Accuracy against a cost, as a figure; none without points.
pub(crate) fn plot(
    title: &str,
    cost: &str,
    places: &[Place],
    written: &dyn Fn(f64) -> String,
) -> Option<Markup> {
    let spread = |place: &Place| {
        let deviation = place.deviation.unwrap_or(0.0);
        [place.accuracy - deviation, place.accuracy + deviation]
    };
    let x = range(places.iter().map(|place| place.cost))?;
    let y = range(places.iter().flat_map(spread))?;
    let best = front(&places.iter().map(|place| [place.cost, place.accuracy]).collect::<Vec<_>>());
    let svg = draw(SIZE, |root| -> Drawn {
        let mut chart = axes::chart(root, 110, x, y)?;
        axes::mesh(&mut chart)
            .disable_x_mesh()
            .x_desc(cost)
            .x_labels(4)
            .y_labels(6)
            .x_label_formatter(&|x| written(*x))
            .y_label_formatter(&|y| format!("{:.1} %", 100.0 * y))
            .draw()?;
        let line = best.iter().map(|at| (places[*at].cost, places[*at].accuracy));
        chart.draw_series(LineSeries::new(line, Ink::Student.colour().stroke_width(4)))?;
        for (index, place) in places.iter().enumerate() {
            let ink = if best.contains(&index) { Ink::Student } else { Ink::Baseline }.colour();
            if place.deviation.is_some() {
                let ends = spread(place).map(|accuracy| (place.cost, accuracy));
                chart.draw_series([PathElement::new(ends, ink.stroke_width(3))])?;
            }
            let at = (place.cost, place.accuracy);
            chart.draw_series([Circle::new(at, DOT, ink.filled())])?;
            if place.is_chosen {
                let ring = Circle::new(at, RING, Ink::Teacher.colour().stroke_width(4));
                chart.draw_series([ring])?;
            }
        }
        let pixel = |cost, accuracy| chart.backend_coord(&(cost, accuracy));
        let mut taken = Vec::new();
        let mut labelled = Vec::new();
        for (index, place) in places.iter().enumerate() {
            let at = pixel(place.cost, place.accuracy);
            taken.push(Area::around(at, if place.is_chosen { RING + 2 } else { DOT }));
            let [low, high] = spread(place).map(|accuracy| pixel(place.cost, accuracy));
            taken.extend(along(low, high));
            let is_needed = best.contains(&index) || place.is_chosen;
            labelled.push(Labelled { at, letters: place.number.to_string().len(), is_needed });
        }
        let ends = best.windows(2).map(|pair| [labelled[pair[0]].at, labelled[pair[1]].at]);
        taken.extend(ends.flat_map(|[from, to]| along(from, to)));
        let (x, y) = chart.plotting_area().get_pixel_range();
        let room = Area { x: [x.start, SIZE.0 as i32], y: [0, y.end] };
        for (place, corner) in places.iter().zip(labels::place(&labelled, &taken, room)) {
            let Some(corner) = corner else { continue };
            root.draw(&Text::new(place.number.to_string(), corner, axes::letters()))?;
        }
        Ok(())
    });
    let on_front: Vec<&str> = best.iter().map(|at| places[*at].name.as_str()).collect();
    let caption = format!(
        "Each point is a student: its top-1 on the test images and {cost}, with its deviation over the seeds as a \
         bar. The line is the Pareto front, what no other point beats: {}.",
        on_front.join("; ")
    );
    let table = html! {
        table {
            thead { tr { @for name in ["Point", cost, "Top-1", "Deviation", "On the front"] { th scope="col" { (name) } } } }
            tbody { @for (at, place) in places.iter().enumerate() { tr {
                th scope="row" { (place.number) ". " (place.name) }
                td { (written(place.cost)) }
                td { (percent(place.accuracy)) }
                td { (place.deviation.map_or_else(|| "–".to_owned(), percent)) }
                td { @if best.contains(&at) { "yes" } @else { "–" } }
            } } }
        }
    };
    let legend = html! {
        ul.legend {
            li { span.ink-student { "●" } " on the front" }
            li { span.ink-baseline { "●" } " elsewhere" }
            li { span.ink-teacher { "◯" } " chosen by validation" }
        }
    };
    Some(figure(title, &caption, &svg, Some(legend), &table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_front_is_what_nothing_beats() {
        let places = [[3.0, 0.9], [1.0, 0.5], [2.0, 0.4], [2.0, 0.7], [4.0, 0.9], [1.0, 0.5]];
        assert_eq!(front(&places), [1, 3, 0]);
        assert_eq!(front(&[]), [0; 0]);
    }

    #[test]
    fn a_plot_says_which_points_are_on_the_front() {
        let place = |name: &str, cost, accuracy| Place {
            number: 1,
            name: name.to_owned(),
            cost,
            accuracy,
            deviation: Some(0.01),
            is_chosen: cost == 1.0,
        };
        let places =
            [place("small", 1.0, 0.5), place("bad <b>", 2.0, 0.4), place("large", 3.0, 0.7)];
        let page =
            plot("P", "parameters", &places, &|cost| format!("{cost:.0}")).unwrap().into_string();
        assert!(page.contains("what no other point beats: small; large."), "{page}");
        assert!(!page.contains("<b>"), "names are text");
        assert!(plot("P", "x", &[], &|_| String::new()).is_none());
    }
}
