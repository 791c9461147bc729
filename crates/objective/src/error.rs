use thiserror::Error;

/// A term's configuration is out of its range.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("`{field}` is `{value}`, expected {expected}")]
#[non_exhaustive]
pub struct ConfigError {
    /// The field, with its place in the list of terms: `objective[0].temperature`.
    pub field: String,
    /// What was given.
    pub value: String,
    /// The range that is allowed, in words.
    pub expected: &'static str,
}

impl ConfigError {
    pub(crate) fn new(field: &str, value: impl ToString, expected: &'static str) -> Self {
        Self { field: field.to_owned(), value: value.to_string(), expected }
    }

    /// The same error with `prefix` before its field.
    #[must_use]
    pub fn within(mut self, prefix: &str) -> Self {
        self.field = format!("{prefix}.{}", self.field);
        self
    }
}

/// Signals that do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SignalError {
    /// Student and teacher logits differ in shape.
    #[error(
        "teacher logits are {teacher:?}, expected the student's shape {student:?}\n\
         hint: both networks need the same classes and the same batch"
    )]
    TeacherShape {
        /// `[batch, classes]` of the student.
        student: [usize; 2],
        /// `[batch, classes]` of the teacher.
        teacher: [usize; 2],
    },
    /// Not one label for each row of logits.
    #[error("{labels} labels, expected one for each of the {batch} rows of logits")]
    LabelCount {
        /// Rows of the student's logits.
        batch: usize,
        /// Labels given.
        labels: usize,
    },
    /// A term needs the teacher's logits and there are none.
    #[error("the term `{term}` needs the teacher's logits, expected signals with a teacher")]
    NoTeacher {
        /// The term's name.
        term: &'static str,
    },
}
