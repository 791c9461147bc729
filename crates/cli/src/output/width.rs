//! Columns of the place that text is shown in.

use std::io::{self, IsTerminal};

use ratatui::crossterm::terminal;
use unicode_width::UnicodeWidthStr;

/// Columns of a report whose place is not known: a log file, a pipe.
pub(crate) const USUAL: usize = 80;
/// Columns below which nothing is laid out.
const LEAST: usize = 20;

/// Columns of the terminal that standard output is, else what `COLUMNS` says; `None` for a file or a pipe, whose lines
/// may have any length.
pub(crate) fn known() -> Option<usize> {
    let of_terminal = || terminal::size().ok().map(|(columns, _)| usize::from(columns));
    let terminal = if io::stdout().is_terminal() { of_terminal() } else { None };
    let columns = || std::env::var("COLUMNS").ok()?.trim().parse().ok();
    terminal.filter(|columns| *columns > 0).or_else(columns).map(|width| width.max(LEAST))
}

/// `text` in lines of at most `width` columns, broken between words and behind commas. A word that is longer makes a
/// line longer.
pub(crate) fn wrapped(text: &str, width: usize) -> String {
    let lines = text.lines().flat_map(|line| wrapped_line(line, width));
    lines.collect::<Vec<_>>().join("\n")
}

/// Columns of the longest part that is never broken.
pub(crate) fn longest_word(text: &str) -> usize {
    words(text).map(|word| word.trim_end().width()).max().unwrap_or(0)
}

fn wrapped_line(line: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in words(line) {
        if !current.is_empty() && current.width() + word.trim_end().width() > width {
            lines.push(std::mem::take(&mut current).trim_end().to_owned());
        }
        current += word;
    }
    lines.push(current);
    lines
}

/// The parts of a line that are not broken, each with the space behind it.
fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        let letters = rest.char_indices().zip(rest.chars().skip(1));
        let mut ends = letters.filter(|((_, letter), next)| is_end(*letter, *next));
        let end = ends.next().map_or(rest.len(), |((at, letter), _)| at + letter.len_utf8());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        (!word.is_empty()).then_some(word)
    })
}

/// Whether a line may end behind `letter`: not within `1,000`, and not between two spaces.
fn is_end(letter: char, next: char) -> bool {
    match letter {
        ' ' => next != ' ',
        ',' => next.is_alphabetic(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words() {
        let text = "NLL (nats) on 15,000 test images";
        assert_eq!(wrapped(text, 80), text);
        assert_eq!(wrapped(text, 14), "NLL (nats) on\n15,000 test\nimages");
        assert_eq!(wrapped("temperature=2,blocks=4-4,8", 14), "temperature=2,\nblocks=4-4,8");
        assert_eq!(wrapped("extraordinary", 4), "extraordinary");
        assert_eq!(wrapped("a\n\nb c", 1), "a\n\nb\nc");
        assert_eq!([longest_word("top-1 selected"), longest_word("")], [8, 0]);
        assert_eq!(wrapped("猫犬 鳥", 5), "猫犬\n鳥", "wide letters take two columns");
    }
}
