//! A setting that is out of its range.

/// A field out of its range: name, value, what is allowed.
pub(crate) type Refusal = (String, String, &'static str);
