//! Finished runs beside one another, as a page.

mod gains;

use std::path::{Path, PathBuf};

use distill_driver::{ClassFigures, Comparison, Difference, Group, ModelFigures, Over};
use maud::{Markup, html};

use crate::{
    figures::{mean, over_seeds, percent, points, points_lost, thousands},
    frame::Frame,
    missing, sweep,
};

/// Classes that are shown where there are many.
const CLASSES: usize = 20;

pub(crate) fn html(comparison: &Comparison) -> Markup {
    let groups = &comparison.groups;
    let names = names(groups);
    let runs: usize = groups.iter().map(|group| group.runs.len()).sum();
    let title = match &groups[..] {
        [one] => one.recipe.clone(),
        several => format!("{} groups of runs", several.len()),
    };
    let frame = Frame {
        kind: "Comparison",
        title: &title,
        subtitle: html! {
            (runs) " runs, " (thousands(groups[0].images as u64)) " test images each. Runs of a group differ by their seed alone."
        },
        sections: &[
            ("gains", "What distillation gained"),
            ("models", "The networks"),
            ("classes", "The classes"),
        ],
        main: html! { (answer(groups, &names)) (gains::section(groups, &names)) (models(groups, &names)) (classes(groups, &names)) },
        source: "comparison.json",
    };
    frame.html()
}

/// A number for each group, with its recipe, or where several have that the folder of its runs.
fn names(groups: &[Group]) -> Vec<String> {
    let folders: Vec<Option<String>> = groups.iter().map(|group| folder(&group.runs)).collect();
    let names = groups.iter().enumerate().map(|(at, group)| {
        let has_recipe = groups.iter().filter(|other| other.recipe == group.recipe).count();
        let is_own = folders.iter().filter(|other| **other == folders[at]).count() == 1;
        let folder = folders[at].as_ref().filter(|_| has_recipe > 1 && is_own);
        format!("{}. {}", at + 1, folder.unwrap_or(&group.recipe))
    });
    names.collect()
}

/// Name of the folder that holds all runs, without those that are named after a seed.
fn folder(runs: &[PathBuf]) -> Option<String> {
    let (first, rest) = runs.split_first()?;
    let common = first.ancestors().find(|above| rest.iter().all(|run| run.starts_with(above)))?;
    let name = |path: &Path| Some(path.file_name()?.to_str()?.to_owned());
    name(common).filter(|name| !is_of_seed(name)).or_else(|| name(common.parent()?))
}

fn is_of_seed(folder: &str) -> bool {
    folder.strip_prefix("seed").is_some_and(|seed| seed.parse::<u64>().is_ok())
}

fn answer(groups: &[Group], names: &[String]) -> Markup {
    let gain = |at: &usize| groups[*at].gain_last.figure.mean;
    let most = (0..groups.len()).max_by(|a, b| gain(a).total_cmp(&gain(b)));
    let at = most.expect("a comparison has a group");
    let (group, name) = (&groups[at], &names[at]);
    html! {
        section.answer aria-labelledby="answer" {
            h2 id="answer" {
                @if groups.len() == 1 { (headline(&group.gain_last)) }
                @else { (sweep::name(name)) (largest(&group.gain_last)) }
            }
            p {
                strong { (sweep::name(name)) } " (" (group.backend) ", seeds " (seeds(group)) ", minimises "
                code { (group.formula) } "): student minus baseline " (difference(&group.gain_last)) "."
            }
            @if groups.len() > 1 {
                p {
                    "The largest of " (groups.len()) " gains owes something to chance, the more the wider the intervals are. "
                    "All of them are below."
                }
            }
        }
    }
}

fn seeds(group: &Group) -> String {
    group.seeds.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}

fn headline(gain: &Difference) -> String {
    let mean = points(gain.figure.mean);
    match gain.interval {
        Some([low, _]) if low > 0.0 => format!("The student gained {mean} points by distillation"),
        Some([_, high]) if high < 0.0 => {
            format!("The student lost {} points by distillation", points_lost(gain.figure.mean))
        }
        _ => format!("No clear difference: {mean} points by distillation"),
    }
}

/// What the largest of several differences is, as clear as its interval.
fn largest(gain: &Difference) -> String {
    let mean = points(gain.figure.mean);
    match gain.interval {
        Some([low, _]) if low > 0.0 => format!(" gained most by distillation: {mean} points"),
        Some([_, high]) if high < 0.0 => {
            format!(" lost least by distillation: {} points", points_lost(gain.figure.mean))
        }
        _ => format!(" has the largest difference, not a clear one: {mean} points by distillation"),
    }
}

/// Points, with deviation and interval.
fn difference(difference: &Difference) -> String {
    let deviation =
        difference.figure.deviation.map_or(String::new(), |d| format!(" ± {:.2}", 100.0 * d));
    let interval = difference.interval.map_or(String::new(), |[low, high]| {
        let over = match difference.over {
            Over::Runs => "over the runs",
            Over::Images => "over the test images of one run",
        };
        format!(" (95 % interval {over} {} to {})", points(low), points(high))
    });
    format!("{}{deviation} points{interval}", points(difference.figure.mean))
}

fn models(groups: &[Group], names: &[String]) -> Markup {
    let accuracy = ["Network", "Top-1", "Selected", "Agreement"];
    let calibration = ["NLL", "ECE", "T", "NLL at T", "ECE at T"];
    html! {
        section aria-labelledby="models" {
            h2 id="models" { "The networks" }
            @for (group, name) in groups.iter().zip(names) {
                h3 { (sweep::name(name)) }
                (table(&format!("Networks of {name}"), &accuracy, group, &|model| vec![
                    model.architecture.clone(),
                    over_seeds(&model.top1_last),
                    over_seeds(&model.top1_selected),
                    model.teacher_agreement.as_ref().map_or_else(|| "–".to_owned(), over_seeds),
                ]))
                (table(&format!("Calibration of {name}"), &calibration, group, &|model| vec![
                    mean(&model.nll, 4),
                    mean(&model.ece, 4),
                    mean(&model.temperature, 2),
                    mean(&model.nll_scaled, 4),
                    mean(&model.ece_scaled, 4),
                ]))
                (missing::of_group(group))
            }
            p.note {
                "Mean ± deviation over the runs. NLL (nats), ECE and agreement after the last epoch; T is the temperature that "
                "fits the validation images best."
            }
        }
    }
}

/// A row for each network of a group.
fn table(
    name: &str,
    header: &[&str],
    group: &Group,
    cells: &dyn Fn(&ModelFigures) -> Vec<String>,
) -> Markup {
    html! {
        div.wide tabindex="0" role="region" aria-label=(name) {
            table.grid {
                thead { tr { td {} @for name in header { th scope="col" { (name) } } } }
                tbody { @for model in &group.models { tr {
                    th scope="row" { (model.stage.name()) }
                    @for cell in cells(model) { td { (cell) } }
                } } }
            }
        }
    }
}

fn classes(groups: &[Group], names: &[String]) -> Markup {
    html! {
        section aria-labelledby="classes" {
            h2 id="classes" { "The classes" }
            @for (group, name) in groups.iter().zip(names) {
                h3 { (sweep::name(name)) }
                div.wide tabindex="0" role="region" aria-label={ "Classes of " (name) } {
                    table.grid {
                        thead { tr { @for name in ["Class", "Images", "Baseline", "Student", "Change", "Gained", "Lost"] {
                            th scope="col" { (name) }
                        } } }
                        tbody { @for class in most_changed(group) { tr {
                            th scope="row" { (class.name) }
                            td { (thousands(class.images as u64)) }
                            td { (percent(class.baseline)) }
                            td { (percent(class.student)) }
                            td { (points(class.student - class.baseline)) }
                            td { (format!("{:.1}", class.gained)) }
                            td { (format!("{:.1}", class.lost)) }
                        } } }
                    }
                }
                @if group.classes.len() > CLASSES { p.note { "The " (CLASSES) " classes that changed most." } }
            }
        }
    }
}

fn most_changed(group: &Group) -> Vec<&ClassFigures> {
    let mut classes: Vec<&ClassFigures> = group.classes.iter().collect();
    if classes.len() > CLASSES {
        let change = |class: &ClassFigures| (class.student - class.baseline).abs();
        classes.sort_by(|a, b| change(b).total_cmp(&change(a)));
        classes.truncate(CLASSES);
    }
    classes
}

#[cfg(test)]
mod tests {
    use distill_driver::Figure;

    use super::*;

    #[test]
    fn a_group_is_named_after_the_folder_that_its_runs_share() {
        let of = |runs: &[&str]| folder(&runs.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(of(&["grid/t=1/seed1", "grid/t=1/seed2"]).as_deref(), Some("t=1"));
        assert_eq!(of(&["grid/t=1/seed1"]).as_deref(), Some("t=1"));
        assert_eq!(of(&["runs/hot"]).as_deref(), Some("hot"));
        assert_eq!(of(&["a/x", "b/x"]), None);
        assert_eq!(of(&["seed1"]), None);
    }

    #[test]
    fn the_answer_is_as_clear_as_the_interval() {
        let said = |interval: Option<[f64; 2]>| {
            let [low, high] = interval.unwrap_or([0.01, 0.01]);
            let mean = (low + high) / 2.0;
            let figure = Figure { mean, deviation: None, values: vec![mean] };
            let gain = Difference { figure, interval, over: Over::Images };
            (headline(&gain), largest(&gain))
        };
        let (one, several) = said(Some([0.002, 0.018]));
        assert_eq!(one, "The student gained +1.00 points by distillation");
        assert_eq!(several, " gained most by distillation: +1.00 points");
        let (one, several) = said(Some([-0.018, -0.002]));
        assert_eq!(one, "The student lost 1.00 points by distillation");
        assert_eq!(several, " lost least by distillation: 1.00 points");
        for unclear in [Some([-0.002, 0.022]), None] {
            let (one, several) = said(unclear);
            assert!(one.starts_with("No clear difference") && several.contains("not a clear one"));
        }
    }
}
