//! A run's events as they come: a dashboard or a bar where there is a terminal, plain lines elsewhere, or JSON.

mod dashboard;
mod words;

use std::{
    io::{self, IsTerminal},
    sync::OnceLock,
    time::{Duration, Instant},
};

use distill_driver::{Event, Observer};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use self::{dashboard::Dashboard, words::Words};
use super::{SCHEMA, screen};

/// Pause between two plain lines of one epoch.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// How progress is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// A dashboard where there is a terminal, plain lines elsewhere
    #[default]
    Auto,
    /// Curves and a bar, below the lines
    Dashboard,
    /// A bar below the lines
    Bar,
    /// Lines alone
    Plain,
    /// A line of JSON for each event
    Json,
    /// Nothing but errors and warnings
    None,
}

/// An event as a program reads it.
#[derive(Serialize)]
struct Line<'a> {
    schema: u32,
    #[serde(flatten)]
    event: Event<'a>,
}

static KIND: OnceLock<Kind> = OnceLock::new();

pub(super) fn choose(kind: Kind) {
    KIND.get_or_init(|| kind);
}

pub(super) fn kind() -> Kind {
    KIND.get().copied().unwrap_or_default()
}

/// What a program reads of something that no event is.
pub(super) fn json_line(event: &str, text: &str) {
    screen::line(&json!({ "schema": SCHEMA, "event": event, "data": text }).to_string());
}

/// Prints a run's events on standard error.
pub(crate) struct Progress {
    shown: Shown,
}

enum Shown {
    Dashboard(Box<Dashboard>),
    Bar(ProgressBar),
    Plain { last_line: Option<Instant> },
    Json,
    Nothing,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let plain = Shown::Plain { last_line: None };
        let shown = match kind() {
            Kind::None => Shown::Nothing,
            Kind::Json => Shown::Json,
            Kind::Plain => plain,
            _ if !is_terminal => plain,
            Kind::Bar => Shown::Bar(bar()),
            Kind::Auto | Kind::Dashboard => match Dashboard::open() {
                Some(dashboard) => Shown::Dashboard(Box::new(dashboard)),
                None => Shown::Bar(bar()),
            },
        };
        if matches!(shown, Shown::Dashboard(_) | Shown::Bar(_)) {
            screen::take();
        }
        Self { shown }
    }

    pub(crate) fn line(&mut self, text: &str) {
        self.waiting();
        match &mut self.shown {
            Shown::Dashboard(dashboard) => dashboard.line(text),
            Shown::Bar(bar) => bar.println(text),
            Shown::Plain { last_line } => {
                screen::line(text);
                *last_line = Some(Instant::now());
            }
            Shown::Json => json_line("note", text),
            Shown::Nothing => {}
        }
    }

    /// Lines from elsewhere, the logs and Ctrl-C.
    fn waiting(&mut self) {
        for text in screen::waiting() {
            match &mut self.shown {
                Shown::Dashboard(dashboard) => dashboard.line(&text),
                Shown::Bar(bar) => bar.println(text),
                _ => {}
            }
        }
    }

    pub(crate) fn finish(&mut self) {
        self.waiting();
        match &mut self.shown {
            Shown::Dashboard(dashboard) => dashboard.close(),
            Shown::Bar(bar) => bar.finish_and_clear(),
            _ => return,
        }
        screen::give_back();
    }
}

/// However a command ends, its terminal is given back.
impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Observer for Progress {
    fn on(&mut self, event: Event<'_>) {
        match &mut self.shown {
            Shown::Json => {
                let line = Line { schema: SCHEMA, event };
                screen::line(&serde_json::to_string(&line).expect("an event serialises"));
            }
            Shown::Nothing => {}
            _ => {
                self.waiting();
                match words::of(&event) {
                    Some(Words::Line(text)) => self.line(&text),
                    Some(Words::Step { text, done, total }) => self.step(text, done, total),
                    None => {}
                }
                if let Shown::Dashboard(dashboard) = &mut self.shown {
                    dashboard.on(&event);
                }
            }
        }
    }
}

impl Progress {
    /// Moves the bar, or prints `text` now and then.
    fn step(&mut self, text: String, done: u64, total: u64) {
        match &mut self.shown {
            Shown::Dashboard(dashboard) => dashboard.step(text, done, total),
            Shown::Bar(bar) => {
                bar.set_length(total);
                bar.set_position(done);
                bar.set_message(text);
            }
            Shown::Plain { last_line } => {
                if last_line.is_none_or(|last| last.elapsed() >= PLAIN_EVERY) {
                    screen::line(&text);
                    *last_line = Some(Instant::now());
                }
            }
            Shown::Json | Shown::Nothing => {}
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} {wide_bar} {percent}%");
    bar.set_style(style.expect("a constant template"));
    bar
}
