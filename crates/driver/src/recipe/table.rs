//! A network's table in a recipe, for the words with which its fields are refused.

use super::Reference;
use crate::{DriverError, training::Refusal};

/// Name of a table and the recipe that it is in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table<'a> {
    /// `teacher`, `student` or `networks.NAME`.
    pub(super) name: &'a str,
    /// File, or name of a built-in recipe.
    pub(super) file: &'a str,
}

impl Table<'_> {
    /// The error of one of its fields.
    pub(super) fn refuse(&self, field: &str, value: impl ToString, expected: &str) -> DriverError {
        DriverError::field(self.file, &format!("{}.{field}", self.name), value, expected)
    }

    /// The error of a field of its `[optimizer]` or `[schedule]`, which may be in the recipe's.
    pub(super) fn refuse_inherited(
        &self,
        section: &str,
        (field, value, expected): Refusal,
    ) -> DriverError {
        let field = format!("{}: {section}.{field}", self.name);
        DriverError::field(self.file, &field, value, expected)
    }

    /// An error that is not that of one field.
    pub(super) fn problem(&self, problem: impl ToString) -> DriverError {
        DriverError::recipe(self.file, problem)
    }

    /// An error that another part of the toolkit words.
    pub(super) fn wrong(&self, error: impl std::fmt::Display) -> DriverError {
        self.problem(format!("[{}] {error}", self.name))
    }

    /// A network that a field names.
    ///
    /// # Errors
    /// [`DriverError`] for anything but `NAME`, `NAME@EPOCH` and `NAME@last`.
    pub(super) fn reference(&self, field: &str, text: &str) -> Result<Reference, DriverError> {
        let expected = "`NAME`, `NAME@EPOCH` or `NAME@last`";
        Reference::parse(text).ok_or_else(|| self.refuse(field, text, expected))
    }
}
