//! `distill sweep`: a run for each combination of some fields' values.

mod grid;
mod held;
mod table;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::bail;
use distill_datasets::load;
use distill_driver::{DriverError, Observer, RunConfig};
use distill_report::{Point, REPORT, Sweep};

use self::{
    grid::{Field, Place},
    held::Held,
};
use super::{run, signals};
use crate::{
    arguments::{RunArguments, SweepArguments},
    output,
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
        schema: 1,
        recipe: name.clone(),
        backend: backend.clone(),
        settings: run::settings(&arguments.run),
        fields: fields.iter().map(|field| field.name.clone()).collect(),
        seeds: seeds.clone(),
        points: Vec::new(),
    };
    let held = Held::of(&folder, &sweep)?;
    sweep.seeds.extend(held.seeds.iter().filter(|seed| !seeds.contains(seed)));
    // Every point is checked, with its data, before the first one is run.
    let mut grid = Vec::with_capacity(places.len());
    for place in places {
        grid.push(Grid::point(&arguments.run, place, &folder)?);
    }
    let asked = grid.len();
    for point in held.points {
        let place = Place::new(&fields, point.values);
        // What an earlier call asked for and this recipe has no more is left alone.
        if grid.iter().all(|there| there.place != place)
            && let Ok(earlier) = Grid::point(&arguments.run, place, &folder)
        {
            grid.push(Grid { failures: point.failures, ..earlier });
        }
    }
    read_data(&mut grid, asked)?;
    grid.iter_mut().for_each(|point| point.find_finished(&sweep.seeds));
    fs::create_dir_all(&folder)
        .map_err(|source| DriverError::Io { path: folder.clone(), source })?;
    write(&mut sweep, &grid, &folder)?;

    let interrupt = signals::stop_on_signal()?;
    let all = seeds.iter().flat_map(|seed| (0..asked).map(move |at| (*seed, at)));
    let due: Vec<_> =
        all.filter(|(seed, at)| !grid[*at].runs.contains(&grid[*at].run(*seed).out)).collect();
    let total = seeds.len() * asked;
    let before = total - due.len();
    if before > 0 {
        output::note(&format!("{before} of {total} runs are finished"));
    }
    let mut failures = 0;
    for (count, (seed, at)) in due.iter().enumerate() {
        let (number, name) = (before + count + 1, &grid[*at].place.name);
        output::note(&format!("run {number} of {total}: {name}, seed {seed}"));
        // Of a run that failed or was stopped, too, there may be a finished teacher.
        let others = grid.iter().map(|point| point.run(*seed).out).filter(|run| run.is_dir());
        let mut config = grid[*at].run(*seed);
        config.reuse.extend(others);
        match run::run(&config, &interrupt) {
            Ok(_) => grid[*at].runs.push(config.out),
            Err(error) if is_of_the_point(&error) => {
                failures += 1;
                output::note(&format!("{name}, seed {seed}: {error}"));
                grid[*at].failures.push(format!("seed {seed}: {error}"));
            }
            Err(error) => {
                let done = number - 1 - failures;
                output::note(&format!(
                    "{done} of {total} runs are finished; the same command goes on"
                ));
                return Err(error);
            }
        }
        write(&mut sweep, &grid, &folder)?;
    }
    table::print(&sweep, arguments.run.json)?;
    output::note(&format!("report: {}", folder.join("sweep.html").display()));
    if failures > 0 {
        bail!("{failures} of {total} runs could not be finished, the others are done");
    }
    Ok(())
}

/// A place of the grid with what has come of it so far.
struct Grid {
    place: Place,
    /// Its run, but for the seed.
    config: RunConfig,
    /// Identity of its data.
    dataset: Option<String>,
    runs: Vec<PathBuf>,
    failures: Vec<String>,
}

impl Grid {
    fn point(arguments: &RunArguments, place: Place, folder: &Path) -> anyhow::Result<Self> {
        let mut arguments = arguments.clone();
        arguments.settings.extend(place.settings.iter().cloned());
        arguments.out = Some(folder.join(&place.name));
        arguments.resume = true;
        let config = run::configure(&arguments)?.config;
        Ok(Self { place, config, dataset: None, runs: Vec::new(), failures: Vec::new() })
    }

    fn run(&self, seed: u64) -> RunConfig {
        let out = self.config.out.join(format!("seed{seed}"));
        RunConfig { seed, out, ..self.config.clone() }
    }

    /// What earlier calls finished is there from the start, for the page and for reuse.
    fn find_finished(&mut self, seeds: &[u64]) {
        let Some(dataset) = self.dataset.clone() else { return };
        let runs = seeds.iter().map(|seed| self.run(*seed));
        // The page is written last: without it the export may lack too.
        let whole = runs.filter(|run| run.is_finished(&dataset) && run.out.join(REPORT).is_file());
        self.runs = whole.map(|run| run.out).collect();
    }
}

/// Reads the data of the points, each once, and compares the points with it. Those behind the first `asked` are of
/// earlier calls, and not run.
fn read_data(grid: &mut [Grid], asked: usize) -> anyhow::Result<()> {
    let mut by_data: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, point) in grid.iter().enumerate() {
        let config = &point.config;
        let load = config.recipe.load_config(config.data.clone(), config.offline);
        by_data.entry(format!("{load:?}")).or_default().push(at);
    }
    for points in by_data.values().filter(|points| points[0] < asked) {
        let mut progress = output::Progress::new();
        let loaded =
            load(&grid[points[0]].config.load_config(), &mut |event| progress.on(event.into()));
        progress.finish();
        let dataset = loaded.map_err(DriverError::Data)?;
        for at in points {
            let fits = grid[*at].config.recipe.check_against(&dataset);
            if *at < asked {
                fits?;
            }
            grid[*at].dataset = Some(dataset.sha256.clone());
        }
    }
    Ok(())
}

/// Numbers that went wrong are a point's own; data that cannot be read, a full disk or Ctrl-C is everyone's.
fn is_of_the_point(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<DriverError>();
    error.is_some_and(|error| {
        !matches!(
            error,
            DriverError::Interrupted { .. } | DriverError::Io { .. } | DriverError::Data(_)
        )
    })
}

/// Writes what has come of the sweep so far.
fn write(sweep: &mut Sweep, grid: &[Grid], folder: &Path) -> Result<(), DriverError> {
    let points = grid.iter().map(|point| {
        let Place { name, values, .. } = &point.place;
        Point::read(name.clone(), values.clone(), point.runs.clone(), point.failures.clone())
    });
    sweep.points = points.collect::<Result<_, _>>()?;
    sweep.write(folder)?;
    Ok(())
}
