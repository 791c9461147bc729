//! Tables without frames, for reading and for `cut` alike: they fit the width, and no word is broken.

use std::fmt;

use comfy_table::{CellAlignment, ContentArrangement, presets};
use unicode_width::UnicodeWidthStr;

use super::width::{self, longest_word, wrapped};

/// Columns that a cell takes beside its text.
const PADDING: usize = 2;
/// Columns that text with several words has at the least, where it has as many.
const READABLE: usize = 24;

/// A table. Columns that do not fit beside the others go into a further table below, behind the first columns again.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    /// Of each column whether its cells are numbers.
    numbers: Vec<bool>,
    /// Leading columns that a table below has again.
    keys: usize,
    below_from: Option<usize>,
}

impl Table {
    pub(crate) fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        let header: Vec<String> = header.into_iter().map(Into::into).collect();
        let numbers = vec![false; header.len()];
        Self { header, rows: Vec::new(), numbers, keys: 1, below_from: None }
    }

    /// Aligns the columns from the `first` on to the right; their cells are never wrapped.
    pub(crate) fn numbers_from(mut self, first: usize) -> Self {
        self.numbers[first..].fill(true);
        self
    }

    /// Aligns a column among numbers to the left.
    pub(crate) fn text(mut self, column: usize) -> Self {
        self.numbers[column] = false;
        self
    }

    /// How many leading columns a table below has again, 1 where nothing is said.
    pub(crate) fn keys(mut self, columns: usize) -> Self {
        self.keys = columns;
        self
    }

    /// The column that a table below begins with, where one table is not enough.
    pub(crate) fn below_from(mut self, first: usize) -> Self {
        self.below_from = Some(first);
        self
    }

    /// Adds a row; one that is too short has empty cells behind.
    pub(crate) fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        let mut cells: Vec<String> = cells.into_iter().map(Into::into).collect();
        cells.resize(self.header.len(), String::new());
        self.rows.push(cells);
    }

    /// The table in lines of at most `width` columns, or of any length. A word that is longer makes a line longer.
    pub(crate) fn within(&self, width: Option<usize>) -> String {
        let width = width.unwrap_or(usize::MAX);
        let parts = self.parts(width);
        let texts: Vec<String> = parts.iter().map(|columns| self.part(columns, width)).collect();
        texts.join("\n\n")
    }

    /// The columns of each table.
    fn parts(&self, width: usize) -> Vec<Vec<usize>> {
        let all: Vec<usize> = (0..self.header.len()).collect();
        let least = |columns: &[usize]| -> usize {
            columns.iter().map(|column| self.least(*column) + PADDING).sum()
        };
        // Where a place to part is named, two tables are better than one whose header is wrapped.
        let whole = match self.below_from {
            Some(_) => all.iter().map(|column| self.most(*column) + PADDING).sum(),
            None => least(&all),
        };
        if whole <= width {
            return vec![all];
        }
        let keys: Vec<usize> = (0..self.keys).collect();
        let mut parts: Vec<Vec<usize>> = vec![keys.clone()];
        for column in self.keys..self.header.len() {
            let part = parts.last_mut().expect("there is a first one");
            let is_full =
                part.len() > self.keys && least(part) + self.least(column) + PADDING > width;
            match is_full || self.below_from == Some(column) {
                true => parts.push([&keys[..], &[column]].concat()),
                false => part.push(column),
            }
        }
        parts
    }

    /// Some columns as a table.
    fn part(&self, columns: &[usize], width: usize) -> String {
        let widths = self.widths(columns, width);
        let mut table = comfy_table::Table::new();
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.load_style(presets::NOTHING);
        let cells = |row: &[String]| -> Vec<String> {
            let cells = columns.iter().zip(&widths);
            cells.map(|(column, width)| wrapped(&row[*column], *width)).collect()
        };
        table.set_header(cells(&self.header));
        table.add_rows(self.rows.iter().map(|row| cells(row)));
        for (column, at) in table.column_iter_mut().zip(columns) {
            if self.numbers[*at] {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        table.to_string()
    }

    /// What each column has: what it needs, and of the rest as much as it can use, the first ones first.
    fn widths(&self, columns: &[usize], width: usize) -> Vec<usize> {
        let mut widths: Vec<usize> = columns.iter().map(|column| self.least(*column)).collect();
        let taken: usize = widths.iter().map(|width| width + PADDING).sum();
        let mut rest = width.saturating_sub(taken);
        for (width, column) in widths.iter_mut().zip(columns) {
            let more = rest.min(self.most(*column) - *width);
            *width += more;
            rest -= more;
        }
        widths
    }

    fn column(&self, column: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().map(move |row| &*row[column])
    }

    /// Columns that the widest cell takes.
    fn most(&self, column: usize) -> usize {
        let cells = self.column(column).map(UnicodeWidthStr::width).max().unwrap_or(0);
        cells.max(self.header[column].width())
    }

    /// Columns below which a number is cut, or text hard to read.
    fn least(&self, column: usize) -> usize {
        let header = longest_word(&self.header[column]);
        let words = self.column(column).map(longest_word).max().unwrap_or(0).max(header);
        let cells = self.column(column).map(UnicodeWidthStr::width).max().unwrap_or(0);
        match self.numbers[column] {
            true => cells.max(header),
            false => words.max(cells.min(READABLE)),
        }
    }
}

/// As wide as where it is shown.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.within(width::known()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let header = ["model", "what it is", "size", "images/s in training"];
        let mut table = Table::new(header).numbers_from(2);
        table.row(["one", "a network of residual blocks, as in the paper", "1,000 MiB", "7"]);
        table.row(["two"]);
        table
    }

    #[test]
    fn where_there_is_room_a_row_is_a_line() {
        let expected = " model  what it is                                          size  images/s in training \n \
            one    a network of residual blocks, as in the paper  1,000 MiB                     7 \n \
            two                                                                                   ";
        assert_eq!(table().within(None), expected);
        assert_eq!(table().within(Some(90)), expected);
    }

    #[test]
    fn words_are_wrapped_and_numbers_are_not() {
        let said = table().within(Some(60));
        let longest = said.lines().map(UnicodeWidthStr::width).max().unwrap();
        assert!(longest <= 60, "{said}");
        for word in ["residual", "blocks,", "paper", "1,000 MiB", "images/s", "training"] {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert!(!said.contains("\n\n"), "one table is enough: {said}");
    }

    #[test]
    fn columns_without_room_go_below_with_the_names_of_the_rows() {
        let said = table().within(Some(40));
        let parts: Vec<&str> = said.split("\n\n").collect();
        assert_eq!(parts.len(), 2, "{said}");
        assert!(parts.iter().all(|part| part.contains("one") && part.contains("two")), "{said}");
        assert!(said.lines().all(|line| line.width() <= 40), "{said}");
        let early = table().below_from(2).within(Some(90));
        assert!(!early.contains("\n\n"), "not where one is enough: {early}");
        let early = table().below_from(2).within(Some(80));
        assert!(early.split("\n\n").nth(1).is_some_and(|part| part.contains("size")), "{early}");
    }

    #[test]
    fn a_long_word_stays_whole() {
        let long = "x".repeat(50);
        let mut table = Table::new(["name", "size"]).numbers_from(1);
        table.row([&long[..], "1"]);
        assert!(table.within(Some(20)).contains(&long));
    }
}
