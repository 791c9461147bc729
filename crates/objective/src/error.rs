//! Errors of configurations and of signals.

use std::borrow::Cow;

use thiserror::Error;

/// A term's configuration is out of its range.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{field}` is `{value}`, expected {expected}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field, with its place in the list of terms: `objective[0].temperature`.
    pub field: String,
    /// What was given.
    pub value: String,
    /// What is allowed, in words.
    pub expected: Cow<'static, str>,
}

impl ConfigError {
    pub(crate) fn new(
        field: &str,
        value: impl ToString,
        expected: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { field: field.to_owned(), value: value.to_string(), expected: expected.into() }
    }

    /// The same error with `prefix` before its field.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.field = format!("{prefix}.{}", self.field);
        self
    }
}

/// Signals that do not belong together, or that a term misses.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignalError {
    /// Student and teacher logits differ in shape.
    #[error(
        "teacher logits are {teacher:?}, expected the student's shape {student:?}\n\
         hint: both networks need the same classes and the same batch"
    )]
    TeacherShape {
        /// `[rows, classes]` of the student.
        student: [usize; 2],
        /// `[rows, classes]` of the teacher.
        teacher: [usize; 2],
    },
    /// Not one label, mask or weight for each row of logits.
    #[error("{count} {what}, expected one for each of the {rows} rows of logits")]
    Rows {
        /// Of what there is another number.
        what: &'static str,
        /// Rows of the student's logits.
        rows: usize,
        /// How many were given.
        count: usize,
    },
    /// A batch without rows, or rows or features without numbers.
    #[error(
        "the batch has no rows, no classes or features without numbers, expected at least one of each"
    )]
    Empty,
    /// A label that is no class.
    #[error(
        "label {label} in row {row}, expected one of the classes 0 to {}\n\
         hint: rows that do not count, such as those of label -100, are left out `with_mask`", classes - 1
    )]
    Label {
        /// Its row.
        row: usize,
        /// What was given.
        label: i64,
        /// Classes of the logits.
        classes: usize,
    },
    /// A term needs the student's logits and there are none.
    #[error("the term `{term}` needs the student's logits, expected `Signals::of_logits` or `new`")]
    NoLogits {
        /// The term's name.
        term: &'static str,
    },
    /// A term needs labels and there are none.
    #[error("the term `{term}` needs labels, expected signals `with_labels`")]
    NoLabels {
        /// The term's name.
        term: &'static str,
    },
    /// A term needs the teacher's logits and there are none.
    #[error("the term `{term}` needs the teacher's logits, expected signals with a teacher")]
    NoTeacher {
        /// The term's name.
        term: &'static str,
    },
    /// A term found no features to compare.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A term compares features and there are none at all.
    #[error(
        "the term `{term}` compares features, expected signals `with_features` of both networks"
    )]
    WithoutFeatures {
        /// The term's name.
        term: String,
    },
    /// A term needs features that are not among the signals.
    #[error(
        "the term `{term}` needs features `{name}` of the {network}, expected one of those given \
         `with_features`: {known}"
    )]
    NoFeatures {
        /// The term's name.
        term: String,
        /// Name of the features.
        name: String,
        /// `student` or `teacher`.
        network: &'static str,
        /// Names of those that are there.
        known: String,
    },
    /// Features of two batches, or of another batch than the logits.
    #[error(
        "the term `{term}` compares `{}` of {} samples with `{}` of {}{}, expected one batch",
        student.0, student.1, teacher.0, teacher.1, beside(*rows)
    )]
    FeatureBatch {
        /// The term's name.
        term: String,
        /// Name and samples of the student's features.
        student: (String, usize),
        /// Name and samples of the teacher's features.
        teacher: (String, usize),
        /// Rows of logits, where there are logits.
        rows: Option<usize>,
    },
    /// A norm over one value for each channel, whose result does not depend on it.
    #[error(
        "the connector of the term `{term}` normalises each channel over one value, expected more than one\n\
         hint: a batch of at least two samples, or features with several places"
    )]
    OneValue {
        /// The term's name.
        term: &'static str,
    },
    /// Features that a term cannot compare.
    #[error("the term `{term}` cannot compare {student:?} with {teacher:?}, expected {expected}")]
    Features {
        /// The term's name.
        term: &'static str,
        /// `[batch, channels, height, width]` of the student.
        student: [usize; 4],
        /// `[batch, channels, height, width]` of the teacher.
        teacher: [usize; 4],
        /// What it can compare.
        expected: &'static str,
    },
    /// A term needs the places of samples and negatives.
    #[error("the term `{term}` contrasts samples, expected signals `with_contrast`")]
    NoContrast {
        /// The term's name.
        term: &'static str,
    },
    /// Places in memory banks that do not fit the batch or the bank.
    #[error("{problem} of a contrast, expected {expected}")]
    Contrast {
        /// What does not fit.
        problem: String,
        /// What would.
        expected: String,
    },
    /// A term trains weights of its own and was evaluated without them.
    #[error(
        "the term `{term}` has a connector, expected `evaluate_with` and what `Objective::connect` gave"
    )]
    NoConnector {
        /// The term's name.
        term: &'static str,
    },
}

/// The rows of logits, where there are any.
fn beside(rows: Option<usize>) -> String {
    rows.map_or_else(String::new, |rows| format!(" beside {rows} rows of logits"))
}
