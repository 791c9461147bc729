//! Standard error, which a bar or a dashboard may have: lines then go above it.

use std::{
    io::{self, IsTerminal, Write},
    sync::{Mutex, PoisonError},
};

/// Lines that wait for the one who has the screen; nobody has it where there is no list.
static WAITING: Mutex<Option<Vec<String>>> = Mutex::new(None);

/// A line, at once or as soon as the one who has the screen draws it. Standard error may be closed without harm.
pub(crate) fn line(text: &str) {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    match &mut *waiting {
        Some(lines) => lines.push(text.to_owned()),
        None => {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }
}

/// From here on lines wait.
pub(super) fn take() {
    *WAITING.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
}

/// The lines that wait.
pub(super) fn waiting() -> Vec<String> {
    let mut waiting = WAITING.lock().unwrap_or_else(PoisonError::into_inner);
    waiting.as_mut().map(std::mem::take).unwrap_or_default()
}

/// From here on lines are written at once, those that waited first.
pub(super) fn give_back() {
    let lines = WAITING.lock().unwrap_or_else(PoisonError::into_inner).take();
    for text in lines.into_iter().flatten() {
        line(&text);
    }
}

/// Leaves the terminal as a shell wants it, where the process ends at once.
pub(crate) fn restore() {
    let taken = WAITING.lock().unwrap_or_else(PoisonError::into_inner).is_some();
    if taken && io::stderr().is_terminal() {
        let _ = ratatui::crossterm::execute!(io::stderr(), ratatui::crossterm::cursor::Show);
        give_back();
    }
}

/// Whether a terminal is there, and nobody asked for no colours: <https://no-color.org>.
pub(super) fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !unwanted
}

/// A writer of logs, which come as whole lines.
pub(super) struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        line(String::from_utf8_lossy(bytes).trim_end_matches('\n'));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
