//! `distill sweep`: a run for each combination of some fields' values.

mod grid;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use distill_driver::{DriverError, RunConfig};
use distill_report::{Point, SWEEP, Sweep};

use self::grid::{Field, Place};
use super::{print_json, run};
use crate::{
    arguments::{RunArguments, SweepArguments},
    output::{self, duration, mebibytes, thousands},
};

pub(crate) fn execute(arguments: &SweepArguments) -> anyhow::Result<()> {
    let fields: Vec<Field> =
        arguments.over.iter().map(|text| Field::parse(text)).collect::<Result<_, _>>()?;
    let places = grid::places(&fields)?;
    let base = run::configure(&arguments.run)?;
    let (name, backend) = (&base.config.recipe.recipe.name, &base.config.backend);
    let default = PathBuf::from(format!("runs/{name}-{backend}-sweep"));
    let folder = arguments.run.out.clone().unwrap_or(default);
    let seeds = if base.seeds.is_empty() { vec![base.config.seed] } else { base.seeds };
    let mut sweep = Sweep {
        recipe: name.clone(),
        backend: backend.clone(),
        settings: arguments.run.settings.clone(),
        fields: fields.iter().map(|field| field.name.clone()).collect(),
        points: Vec::new(),
    };
    is_this_one(&folder, &sweep)?;
    // Every point is checked before the first one is run.
    let points: Vec<RunConfig> = places
        .iter()
        .map(|place| configured(&arguments.run, place, &folder))
        .collect::<anyhow::Result<_>>()?;
    fs::create_dir_all(&folder)
        .map_err(|source| DriverError::Io { path: folder.clone(), source })?;

    let interrupt = run::stop_on_signal()?;
    // What earlier calls finished is there from the start, for the page and for reuse.
    let mut states: Vec<State> =
        places.iter().map(|place| State::of(place, &seeds, &folder)).collect();
    let total = places.len() * seeds.len();
    let numbered = seeds.iter().flat_map(|seed| (0..places.len()).map(move |at| (*seed, at)));
    for (count, (seed, at)) in numbered.enumerate() {
        let out = folder.join(&places[at].name).join(format!("seed{seed}"));
        output::note(&format!("run {} of {total}: {}, seed {seed}", count + 1, places[at].name));
        let finished = states.iter().flat_map(|state| state.runs.clone());
        let reuse = points[at].reuse.iter().cloned().chain(finished).collect();
        let config =
            RunConfig { seed, out: out.clone(), reuse, resume: true, ..points[at].clone() };
        match run::run(&config, &interrupt) {
            Ok(_) if states[at].runs.contains(&out) => {}
            Ok(_) => states[at].runs.push(out),
            Err(error) if is_of_the_point(&error) => {
                output::note(&format!("{}, seed {seed}: {error}", places[at].name));
                states[at].failures.push(format!("seed {seed}: {error}"));
            }
            Err(error) => return Err(error),
        }
        sweep.points = read(&places, &states)?;
        sweep.write(&folder)?;
    }
    print(&sweep, arguments.run.json);
    output::note(&format!("report: {}", folder.join("sweep.html").display()));
    let failures = states.iter().map(|state| state.failures.len()).sum::<usize>();
    if failures > 0 {
        bail!("{failures} of {total} runs could not be finished, the others are done");
    }
    Ok(())
}

/// What has come of a point so far.
#[derive(Default)]
struct State {
    runs: Vec<PathBuf>,
    failures: Vec<String>,
}

impl State {
    fn of(place: &Place, seeds: &[u64], folder: &Path) -> Self {
        let runs = seeds.iter().map(|seed| folder.join(&place.name).join(format!("seed{seed}")));
        let runs = runs.filter(|run| run.join("report.json").is_file()).collect();
        Self { runs, failures: Vec::new() }
    }
}

/// The run of a place, but for its seed.
fn configured(arguments: &RunArguments, place: &Place, folder: &Path) -> anyhow::Result<RunConfig> {
    let mut arguments = arguments.clone();
    arguments.settings.extend(place.settings.iter().cloned());
    arguments.out = Some(folder.join(&place.name));
    Ok(run::configure(&arguments)?.config)
}

/// Numbers that went wrong are a point's own; a full disk or Ctrl-C is everyone's.
fn is_of_the_point(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<DriverError>();
    error.is_some_and(|error| {
        !matches!(error, DriverError::Interrupted { .. } | DriverError::Io { .. })
    })
}

/// Makes sure that a folder is new, or this sweep's; its fields may have other values now.
fn is_this_one(folder: &Path, sweep: &Sweep) -> anyhow::Result<()> {
    let path = folder.join(SWEEP);
    let refuse = |problem: String| DriverError::Folder {
        path: path.clone(),
        problem,
        hint: "name another folder with `--out`".to_owned(),
    };
    let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
    let held: serde_json::Value =
        serde_json::from_str(&text).map_err(|e| refuse(format!("a damaged record ({e})")))?;
    let this = serde_json::to_value(sweep).context("records serialise")?;
    for key in ["recipe", "backend", "settings", "fields"] {
        if held[key] != this[key] {
            return Err(refuse(format!(
                "it holds a sweep with the {key} {}, here {}",
                held[key], this[key]
            ))
            .into());
        }
    }
    Ok(())
}

fn read(places: &[Place], states: &[State]) -> Result<Vec<Point>, DriverError> {
    let point = |(place, state): (&Place, &State)| {
        Point::read(
            place.name.clone(),
            place.values.clone(),
            state.runs.clone(),
            state.failures.clone(),
        )
    };
    places.iter().zip(states).map(point).collect()
}

fn print(sweep: &Sweep, json: bool) {
    if json {
        return print_json(sweep);
    }
    let header =
        ["", "point", "validation", "top-1", "NLL", "gain", "parameters", "size", "latency"];
    let mut table = output::plain_table(&header);
    let front = sweep.front(|figures| Some(figures.parameters as f64));
    let chosen = sweep.chosen().map(|(point, _)| &point.name);
    for point in &sweep.points {
        let marks = [(chosen == Some(&point.name), '*'), (front.contains(&&point.name[..]), '|')];
        let marks: String = marks.into_iter().filter(|(is, _)| *is).map(|(_, mark)| mark).collect();
        let Some(figures) = &point.figures else {
            table.add_row([&marks, &point.name, "failed"]);
            continue;
        };
        table.add_row([
            marks,
            point.name.clone(),
            super::compare::percent(&figures.validation),
            super::compare::percent(&figures.top1_last),
            format!("{:.4}", figures.nll.mean),
            format!("{:+.2}", 100.0 * figures.gain.figure.mean),
            thousands(figures.parameters),
            mebibytes(figures.bytes),
            figures.latency.map_or_else(|| "-".to_owned(), milliseconds),
        ]);
    }
    output::right_align_from(&mut table, 2);
    output::result(table);
    output::result(
        "* chosen by validation; | no smaller student is better (Pareto front of test top-1 against parameters). Mean ± \
         deviation over the seeds, after the last epoch.",
    );
}

fn milliseconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.2} ms", 1e3 * seconds) } else { duration(seconds) }
}
