//! What is compared, and the table of it.

use std::fmt::Write;

use distill_testkit::relative_l2;

/// The largest relative difference of something computed on a backend.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// What was computed.
    pub(crate) name: String,
    /// Norm of the difference over the norm of what it should be.
    pub(crate) off: f64,
    /// What it may be off by.
    pub(crate) allowed: f64,
}

impl Item {
    /// Compares numbers with what they should be.
    pub(crate) fn of(
        name: impl Into<String>,
        ours: &[f64],
        expected: &[f64],
        allowed: f64,
    ) -> Self {
        Self { name: name.into(), off: relative_l2(ours, expected), allowed }
    }

    /// A difference that is no number is none.
    pub(crate) fn is_good(&self) -> bool {
        self.off <= self.allowed
    }
}

/// Items by backends, in Markdown; what a backend has not is left empty.
pub(crate) fn table(columns: &[(&str, Vec<Item>)]) -> String {
    let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| item | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    let mut rows: Vec<&str> = Vec::new();
    for item in columns.iter().flat_map(|(_, items)| items) {
        if !rows.contains(&item.name.as_str()) {
            rows.push(&item.name);
        }
    }
    for row in rows {
        write!(text, "\n| {row} |").expect("text grows");
        for (_, items) in columns {
            match items.iter().find(|item| item.name == row) {
                Some(item) => write!(text, " {:.1e} |", item.off).expect("text grows"),
                None => text.push_str("  |"),
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_a_cell_for_each_backend_and_no_number_is_no_agreement() {
        let item = |ours: f64| Item::of("loss", &[ours], &[2.0], 0.1);
        let halved = Item::of("f16", &[2.0], &[2.0], 0.1);
        let columns = [("flex", vec![item(2.0)]), ("wgpu", vec![item(2.1), halved])];
        let expected = "| item | flex | wgpu |\n|---|---|---|\n\
                        | loss | 0.0e0 | 5.0e-2 |\n| f16 |  | 0.0e0 |";
        assert_eq!(table(&columns), expected);
        assert!(item(2.1).is_good() && !item(2.3).is_good() && !item(f64::NAN).is_good());
    }
}
