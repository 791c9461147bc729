//! Curves of a run in the terminal, below its lines.

use std::{
    io::{self, IsTerminal, Stderr},
    time::{Duration, Instant},
};

use distill_driver::{Event, Stage};
use ratatui::{
    Frame, Terminal, TerminalOptions, Viewport,
    backend::CrosstermBackend,
    crossterm::terminal,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize},
    symbols::Marker,
    text::{Line, Text},
    widgets::{
        Axis, Block, Chart, Dataset, GraphType, LegendPosition, LineGauge, Paragraph, Widget,
    },
};

use crate::output::screen;

/// Lines of the terminal that it takes.
const HEIGHT: u16 = 16;
/// What a terminal must have, so that lines are left above and curves are wide enough to read.
const SMALLEST: (u16, u16) = (60, 24);
/// Pause between two drawings.
const DRAW_EVERY: Duration = Duration::from_millis(100);
/// Points of a curve; of more, every other one is dropped.
const POINTS: usize = 2_000;

/// The terminal, and what is drawn in its last lines.
pub(super) struct Dashboard {
    terminal: Terminal<CrosstermBackend<Stderr>>,
    state: State,
    drawn: Option<Instant>,
    open: bool,
}

struct State {
    colours: bool,
    /// What goes on, in words.
    now: String,
    /// Share of it that is done.
    share: f64,
    /// The objective of the stage that is trained, over its epochs.
    loss: Vec<(f64, f64)>,
    /// Validation accuracy of each stage so far, percent, after each epoch.
    accuracy: Vec<(Stage, Vec<(f64, f64)>)>,
}

impl Dashboard {
    /// None where the terminal is too small or does not answer.
    pub(super) fn open() -> Option<Self> {
        let interactive = io::stdin().is_terminal() && io::stdout().is_terminal();
        let (width, height) = terminal::size().ok()?;
        if !interactive || width < SMALLEST.0 || height < SMALLEST.1 {
            return None;
        }
        let options = TerminalOptions { viewport: Viewport::Inline(HEIGHT) };
        let backend = CrosstermBackend::new(io::stderr());
        let mut terminal = Terminal::with_options(backend, options).ok()?;
        terminal.hide_cursor().ok()?;
        let state = State {
            colours: screen::has_colours(),
            now: String::new(),
            share: 0.0,
            loss: Vec::new(),
            accuracy: Vec::new(),
        };
        Some(Self { terminal, state, drawn: None, open: true })
    }

    /// A line above, which stays.
    pub(super) fn line(&mut self, text: &str) {
        let width = self.terminal.size().map_or(80, |size| size.width);
        let lines = folded(text, width);
        let height = lines.len().min(usize::from(u16::MAX)) as u16;
        let lines = Paragraph::new(lines.into_iter().map(Line::raw).collect::<Text>());
        let _ = self.terminal.insert_before(height, |buffer| lines.render(buffer.area, buffer));
        self.draw();
    }

    pub(super) fn step(&mut self, text: String, done: u64, total: u64) {
        self.state.now = text;
        self.state.share = (done as f64 / total.max(1) as f64).clamp(0.0, 1.0);
    }

    pub(super) fn on(&mut self, event: &Event<'_>) {
        self.state.on(event);
        if self.drawn.is_none_or(|drawn| drawn.elapsed() >= DRAW_EVERY) {
            self.draw();
        }
    }

    pub(super) fn close(&mut self) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        // What comes next takes the place of the dashboard.
        let top = self.terminal.get_frame().area().top();
        let _ = self.terminal.clear();
        let _ = self.terminal.set_cursor_position((0, top));
        let _ = self.terminal.show_cursor();
    }

    fn draw(&mut self) {
        let state = &self.state;
        let _ = self.terminal.draw(|frame| state.draw(frame));
        self.drawn = Some(Instant::now());
    }
}

impl State {
    fn on(&mut self, event: &Event<'_>) {
        match *event {
            Event::StageStarted { stage, .. } => {
                self.loss.clear();
                self.accuracy.retain(|(of, _)| *of != stage);
                self.accuracy.push((stage, Vec::new()));
            }
            Event::Steps { epoch, step, steps, loss, .. } => {
                self.loss.push((epoch as f64 - 1.0 + step as f64 / steps as f64, loss));
                if self.loss.len() > POINTS {
                    let mut at = 0;
                    self.loss.retain(|_| {
                        at += 1;
                        at % 2 == 0
                    });
                }
            }
            Event::Epoch { stage, record, .. } => {
                let point = (record.epoch as f64, 100.0 * record.validation_top1);
                let of = self.accuracy.iter_mut().find(|(of, _)| *of == stage);
                if let Some((_, points)) = of {
                    points.push(point);
                }
            }
            _ => {}
        }
    }

    fn draw(&self, frame: &mut Frame<'_>) {
        let rows = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(1)];
        let [now, bar, curves] = Layout::vertical(rows).areas(frame.area());
        frame.render_widget(Line::raw(&self.now).bold(), now);
        let gauge = LineGauge::default().ratio(self.share).filled_symbol("━").unfilled_symbol(" ");
        frame.render_widget(gauge, bar);
        let halves = [Constraint::Percentage(50), Constraint::Percentage(50)];
        let [left, right] = Layout::horizontal(halves).areas(curves);
        let last = self.accuracy.len().saturating_sub(1);
        chart(
            frame,
            left,
            "objective, mean over the epoch so far",
            vec![self.curve("", &self.loss, last)],
        );
        let curves = self.accuracy.iter().enumerate();
        let curves = curves.map(|(at, (stage, points))| self.curve(stage.name(), points, at));
        chart(frame, right, "validation top-1, % by epoch", curves.collect());
    }

    /// Each curve has a colour; where there are none, marks of its own.
    fn curve<'a>(&self, name: &'static str, points: &'a [(f64, f64)], at: usize) -> Curve<'a> {
        let markers = [Marker::Braille, Marker::Dot, Marker::Block];
        let marker = if self.colours { Marker::Braille } else { markers[at % markers.len()] };
        let line = Dataset::default().data(points).style(self.ink(at)).marker(marker);
        let line = line.graph_type(GraphType::Line);
        (points, if name.is_empty() { line } else { line.name(name) })
    }

    fn ink(&self, at: usize) -> Style {
        let inks =
            [Color::Yellow, Color::Cyan, Color::Green, Color::Magenta, Color::Blue, Color::Red];
        if self.colours { Style::new().fg(inks[at % inks.len()]) } else { Style::new() }
    }
}

/// Points, and how they are drawn.
type Curve<'a> = (&'a [(f64, f64)], Dataset<'a>);

fn chart(frame: &mut Frame<'_>, area: Rect, title: &str, curves: Vec<Curve<'_>>) {
    let block = Block::bordered().title(title);
    let points = || curves.iter().flat_map(|(points, _)| *points);
    let (Some(x), Some(y)) =
        (range(points().map(|point| point.0)), range(points().map(|point| point.1)))
    else {
        frame.render_widget(block, area);
        return;
    };
    let axis = |[low, high]: [f64; 2]| {
        let digits = (1.0 - (high - low).log10()).ceil().clamp(0.0, 6.0) as usize;
        let labels = [low, (low + high) / 2.0, high].map(|value| format!("{value:.digits$}"));
        Axis::default().bounds([low, high]).labels(labels)
    };
    let chart = Chart::new(curves.into_iter().map(|(_, line)| line).collect())
        .block(block)
        .x_axis(axis(x))
        .y_axis(axis(y))
        .hidden_legend_constraints((Constraint::Percentage(50), Constraint::Percentage(60)))
        .legend_position(Some(LegendPosition::BottomRight));
    frame.render_widget(chart, area);
}

/// From the least to the greatest, and wider than nothing. None without numbers.
fn range(values: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let mut values = values.filter(|value| value.is_finite());
    let first = values.next()?;
    let (low, high) = values.fold((first, first), |(low, high), v| (low.min(v), high.max(v)));
    let room = if high > low { 0.0 } else { low.abs().max(1.0) * 0.05 };
    Some([low - room, high + room])
}

/// The text in lines of at most `width` letters.
fn folded(text: &str, width: u16) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let letters: Vec<char> = line.chars().collect();
        if letters.is_empty() {
            lines.push(String::new());
        }
        lines.extend(letters.chunks(width.max(1).into()).map(String::from_iter));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_wider_than_nothing() {
        assert_eq!(range([2.0, 1.0, f64::NAN].into_iter()), Some([1.0, 2.0]));
        assert_eq!(range([0.0].into_iter()), Some([-0.05, 0.05]));
        assert_eq!(range(std::iter::empty()), None);
    }

    #[test]
    fn long_lines_are_folded() {
        assert_eq!(folded("abcde\n\nfg", 2), ["ab", "cd", "e", "", "fg"]);
    }
}
