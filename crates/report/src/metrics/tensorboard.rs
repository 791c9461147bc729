//! TensorBoard's event files of a run, as it goes on.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use distill_driver::{
    DriverError, Report, Stage,
    metrics::{self, Line},
};

use super::{events::Event, fields, stages};

/// Folder of a run that holds a folder for each stage.
const FOLDER: &str = "tensorboard";
/// What TensorBoard knows its files by.
const PREFIX: &str = "events.out.tfevents.";

/// Event files in `tensorboard/STAGE` of a run's folder: `tensorboard --logdir RUN` shows them, also while the run
/// goes on.
///
/// Tags are the names of `metrics.jsonl`: `steps/loss`, `steps/terms/soft-targets`, `epoch/validation_top1`; in the
/// end `test/last/top1` and the other scores of `report.json`. Values are 32-bit floats, as TensorBoard has them.
#[derive(Debug)]
pub struct TensorBoard {
    run: PathBuf,
    written: BTreeMap<Stage, Written>,
}

#[derive(Debug)]
struct Written {
    file: File,
    path: PathBuf,
    lines: usize,
    last: Option<Line>,
}

impl TensorBoard {
    /// For a run's folder, which need not be there yet.
    pub fn new(run: &Path) -> Self {
        Self { run: run.to_owned(), written: BTreeMap::new() }
    }

    /// Writes what has come since the last call; the first one writes all, in place of what another process wrote.
    ///
    /// # Errors
    /// [`DriverError`] where metrics cannot be read, or events cannot be written.
    pub fn update(&mut self) -> Result<(), DriverError> {
        for stage in stages(&self.run)? {
            let lines = metrics::of_run(&self.run, stage)?;
            if !self.written.get(&stage).is_some_and(|written| written.begins(&lines)) {
                if lines.is_empty() {
                    continue;
                }
                self.written.insert(stage, self.begin(stage)?);
            }
            let written = self.written.get_mut(&stage).expect("begun above");
            let now = now();
            let events = lines[written.lines..].iter().filter_map(|line| event(line, now));
            written.append(events)?;
            written.lines = lines.len();
            written.last = lines.last().cloned();
        }
        Ok(())
    }

    /// Writes the scores on the test images behind all else.
    ///
    /// # Errors
    /// [`DriverError`] as [`TensorBoard::update`].
    pub fn finish(&mut self, report: &Report) -> Result<(), DriverError> {
        self.update()?;
        for (stage, written) in &mut self.written {
            let step = written.last.as_ref().map_or(0, step);
            let test = &report.of(*stage).test;
            let scores = [("last", &test.last), ("selected", &test.selected)];
            let scalars = scores.into_iter().flat_map(|(name, scores)| {
                let scores = serde_json::to_value(scores).expect("scores serialise");
                let fields = scores.as_object().cloned().unwrap_or_default();
                fields.into_iter().filter_map(move |(field, value)| {
                    Some((format!("test/{name}/{field}"), value.as_f64()?))
                })
            });
            written.append([Event::scalars(now(), step, scalars.collect())])?;
        }
        Ok(())
    }

    /// A new file, alone in its folder: TensorBoard goes on to the file with the later name.
    fn begin(&self, stage: Stage) -> Result<Written, DriverError> {
        let folder = self.run.join(FOLDER).join(stage.name());
        let failed = |source| DriverError::Io { path: folder.clone(), source };
        fs::create_dir_all(&folder).map_err(failed)?;
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                fs::remove_file(entry.path()).map_err(failed)?;
            }
        }
        let now = now();
        let path = folder.join(format!("{PREFIX}{now:017.6}.distill"));
        let file = File::create(&path).map_err(failed)?;
        let mut written = Written { file, path, lines: 0, last: None };
        written.append([Event::head(now)])?;
        Ok(written)
    }
}

impl Written {
    /// Whether the lines go on from those that were written.
    fn begins(&self, lines: &[Line]) -> bool {
        self.lines <= lines.len()
            && self.lines.checked_sub(1).and_then(|at| lines.get(at)) == self.last.as_ref()
    }
    fn append(&mut self, events: impl IntoIterator<Item = Event>) -> Result<(), DriverError> {
        let bytes: Vec<u8> = events.into_iter().flat_map(|event| event.record()).collect();
        let written = self.file.write_all(&bytes);
        written.map_err(|source| DriverError::Io { path: self.path.clone(), source })
    }
}

/// The numbers of a line; none of a skipped batch.
fn event(line: &Line, now: f64) -> Option<Event> {
    let kind = match line {
        Line::Steps(_) => "steps",
        Line::Epoch(_) => "epoch",
        Line::Skipped(_) => return None,
    };
    let scalars = fields(line, '/').into_iter().filter_map(|(name, value)| match &*name {
        "event" | "epoch" | "step" => None,
        _ => Some((format!("{kind}/{name}"), value.as_f64()?)),
    });
    Some(Event::scalars(now, step(line), scalars.collect()))
}

fn step(line: &Line) -> u64 {
    match line {
        Line::Steps(record) => record.step as u64,
        Line::Epoch(record) => record.step as u64,
        Line::Skipped(record) => record.step as u64,
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
