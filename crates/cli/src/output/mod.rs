//! What a person sees: progress on standard error, results on standard output.
use std::{
    io::{ErrorKind, IsTerminal, Write},
    time::{Duration, Instant},
};

use comfy_table::{CellAlignment, Table, presets};
use distill_driver::{Event, Observer, Report, evaluate::Shifted};
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::EnvFilter;

/// Pause between two plain lines of one epoch.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Logs go to standard error; `RUST_LOG` wins over the number of `-v`.
pub(crate) fn start_logging(verbose: u8) {
    let default =
        ["warn", "warn,distill=debug,distill_driver=debug,distill_datasets=debug", "debug"];
    let default = default[usize::from(verbose).min(2)];
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none())
        .init();
}

/// A result line. A reader that has seen enough and closed the pipe is no error; a full disk is.
pub(crate) fn result(text: impl std::fmt::Display) {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            say(&format!("error: standard output cannot be written: {e}"));
            std::process::exit(1);
        }
        _ => {}
    }
}

/// A line on standard error, which may be closed without harm to the run.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A remark from outside the run's own progress.
pub(crate) fn note(text: &str) {
    say(text);
}

/// The error that ends the program.
pub(crate) fn error(error: &anyhow::Error) {
    // Our own errors say everything themselves; others have their causes behind them.
    let own = error.is::<distill_driver::DriverError>();
    say(&if own { format!("error: {error}") } else { format!("error: {error:#}") });
}

/// Prints a run's events: a bar where there is a terminal, plain lines elsewhere.
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    last_line: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}%");
            bar.set_style(style.expect("a constant template"));
            bar
        });
        Self { bar, last_line: None }
    }

    pub(crate) fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.println(text),
            None => say(text),
        }
    }

    /// Moves the bar, or prints `text` now and then.
    fn step(&mut self, text: String, done: u64, total: u64) {
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(text);
        } else if self.last_line.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
            say(&text);
            self.last_line = Some(Instant::now());
        }
    }

    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Progress {
    fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Fetching { file, have, total } => {
                let (have_so_far, all) = (mebibytes(have), mebibytes(total));
                let text = format!("fetching {file}: {have_so_far} of {all}");
                self.step(text, have, total);
            }
            Event::Note(text) => self.line(&text),
            Event::StageStarted { stage, model, parameters, formula, epochs } => {
                let name = stage.name();
                self.line(&format!(
                    "{name}: {model}, {} parameters, {epochs} epochs, minimises {formula}",
                    thousands(parameters)
                ));
                self.last_line = Some(Instant::now());
            }
            Event::Answers { done, total, images_per_second } => {
                let text = format!(
                    "answers: {} of {} images, {images_per_second:.0} images/s, {} left",
                    thousands(done),
                    thousands(total),
                    duration((total - done) as f64 / images_per_second)
                );
                self.step(text, done, total);
            }
            Event::StageSkipped { stage, reason } => {
                self.line(&format!("{}: skipped, {reason}", stage.name()));
            }
            Event::Steps {
                stage,
                epoch,
                epochs,
                step,
                steps,
                loss,
                images_per_second,
                seconds_left,
            } => {
                let text = format!(
                    "{}: epoch {epoch}/{epochs}, step {step}/{steps}, loss {loss:.4}, \
                     {images_per_second:.0} images/s, {} left",
                    stage.name(),
                    duration(seconds_left)
                );
                let done = (epoch - 1) * steps + step;
                self.step(text, done as u64, (epochs * steps) as u64);
            }
            Event::Epoch { stage, epochs, record } => {
                self.line(&format!(
                    "{}: epoch {}/{epochs} done, loss {:.4}, train {:.2} %, validation {:.2} %",
                    stage.name(),
                    record.epoch,
                    record.loss,
                    100.0 * record.train_top1,
                    100.0 * record.validation_top1,
                ));
                self.last_line = Some(Instant::now());
            }
            Event::Evaluating { stage } => {
                self.line(&format!("{}: evaluating on the test split", stage.name()));
            }
            _ => {}
        }
    }
}

/// The table at the end of a run.
pub(crate) fn report_table(report: &Report) -> String {
    let mut table = plain_table(&[
        "model",
        "network",
        "top-1 last",
        "top-1 selected",
        "NLL",
        "ECE",
        "agreement",
        "parameters",
        "MACs",
        "size",
        "train images/s",
    ]);
    for stage in report.stages() {
        let model = report.of(stage);
        let (last, selected) = (&model.test.last, &model.test.selected);
        let percent = |value: f64| format!("{:.2} %", 100.0 * value);
        table.add_row(vec![
            stage.name().to_owned(),
            model.architecture.clone(),
            percent(last.top1),
            percent(selected.top1),
            format!("{:.4}", last.nll),
            format!("{:.4}", last.ece),
            last.teacher_agreement.map_or_else(|| "-".to_owned(), percent),
            thousands(model.parameters),
            thousands(model.macs),
            format!("{:.2} MiB", model.bytes as f64 / f64::from(1 << 20)),
            model.images_per_second.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}")),
        ]);
    }
    right_align_from(&mut table, 2);
    let (teacher, student) = (&report.models.teacher, &report.models.student);
    let missing = missing(report);
    format!(
        "{table}\n\
         {missing}objective: {}\n\
         NLL (nats), ECE and agreement are those of the last epoch, on {} test images.\n\
         Distillation gained {:+.2} points top-1 over the baseline (seed {}); the student has {:.1} \
         times fewer parameters than the teacher.",
        report.objective.formula,
        thousands(report.dataset.test as u64),
        100.0 * report.student_gain_top1,
        report.seed,
        teacher.parameters as f64 / student.parameters as f64,
    )
}

/// What networks say of classes that they never saw.
fn missing(report: &Report) -> String {
    let mut text = String::new();
    for stage in report.stages() {
        let Some(missing) = &report.of(stage).missing else { continue };
        let errors = |of: &Shifted| {
            format!(
                "{} errors, {} of them on these",
                thousands(of.errors as u64),
                of.errors_of_missing
            )
        };
        text += &format!(
            "{} without {} ({} test images): {}; {} with their logits shifted by {:+.2}, chosen on the \
             validation images ({} by {:+.2}, the best that the test images allow).\n",
            stage.name(),
            missing.classes.join(", "),
            thousands(missing.images as u64),
            errors(&missing.trained),
            errors(&missing.by_validation),
            missing.by_validation.shift,
            missing.by_test.errors,
            missing.by_test.shift,
        );
    }
    text
}

/// A table without frames, for reading and for `cut` alike.
pub(crate) fn plain_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(header.to_vec());
    table
}

/// Numbers want to stand under one another.
pub(crate) fn right_align_from(table: &mut Table, first: usize) {
    for column in table.column_iter_mut().skip(first) {
        column.set_cell_alignment(CellAlignment::Right);
    }
}

pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

pub(crate) fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([7, 437_034, 14_728_266].map(thousands), ["7", "437,034", "14,728,266"]);
        assert_eq!([0.4, 61.0, 7260.0].map(duration), ["0 s", "1 min 1 s", "2 h 1 min"]);
    }
}
