//! What a person sees: progress on standard error, results on standard output.

mod progress;
mod remarks;
mod report;
mod screen;
mod table;
mod width;

use std::io::{ErrorKind, Write};

use tracing_subscriber::EnvFilter;

use self::width::wrapped;
pub(crate) use progress::{Kind, Progress};
pub(crate) use remarks::remarks;
pub(crate) use report::report_table;
pub(crate) use screen::restore;
pub(crate) use table::Table;

/// Version of the layouts of JSON on standard output and standard error.
pub(crate) const SCHEMA: u32 = 1;

/// Says how progress is shown, and starts the logs: they go to standard error; `RUST_LOG` wins over the number of
/// `-v`.
pub(crate) fn start(verbose: u8, kind: Kind) {
    progress::choose(kind);
    let default =
        ["warn", "warn,distill=debug,distill_driver=debug,distill_datasets=debug", "debug"];
    let default = default[usize::from(verbose).min(2)];
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(|| screen::Lines)
        .with_ansi(screen::has_colours())
        .init();
}

/// A result line. A reader that has seen enough and closed the pipe is no error; a full disk is.
pub(crate) fn result(text: impl std::fmt::Display) {
    match writeln!(std::io::stdout(), "{text}") {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            screen::line(&format!("error: standard output cannot be written: {e}"));
            std::process::exit(1);
        }
        _ => {}
    }
}

/// A result in sentences, whose lines end between words.
pub(crate) fn prose(text: &str) {
    result(wrapped(text, width::known().unwrap_or(usize::MAX)));
}

/// Text without control characters, which a name of a file may have and a terminal obeys.
fn shown(text: &str) -> String {
    let is_hidden = |c: char| c.is_control() && c != '\n' && c != '\t';
    text.chars().map(|c| if is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// A remark from outside a run's own progress.
pub(crate) fn note(text: &str) {
    match progress::kind() {
        Kind::None => {}
        Kind::Json => progress::json_line("note", text),
        _ => screen::line(&shown(text)),
    }
}

/// The error that ends the program.
pub(crate) fn error(error: &anyhow::Error) {
    // Our own errors say everything themselves; others have their causes behind them.
    let own = error.is::<distill_driver::DriverError>();
    let text = if own { error.to_string() } else { format!("{error:#}") };
    match progress::kind() {
        Kind::Json => progress::json_line("error", &text),
        _ => screen::line(&shown(&format!("error: {text}"))),
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
