//! Settings of the teacher cache.

use serde::{Deserialize, Serialize};

/// `[cache]` of a recipe: the teacher's outputs for each training image are computed once, stored on disk and
/// used by every later run with the same teacher, data, views, seed and batch. An empty table takes the
/// defaults.
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `views` | one an epoch, as without a cache | from 1; fewer are reused in turn, by the baseline too |
/// | `precision` | `f32`, exact | `f32`, `f16` |
/// | `top_k` | all classes, exact | from 1 to one below the classes |
/// | `limit_gib` | what the disk has | `(0, ∞)`, for the whole cache folder |
///
/// With `top_k` the largest logits are stored as they are, and the probability that is left is spread evenly
/// over the other classes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the table above says it all")]
pub struct CacheConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub views: Option<usize>,
    pub precision: Stored,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_gib: Option<f64>,
}

/// Numbers of a cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Stored {
    /// As they were computed.
    #[default]
    F32,
    /// Rounded to 16 bits: half the size, about three decimal digits.
    F16,
}

impl Stored {
    /// Name in recipes.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        }
    }
}

impl CacheConfig {
    /// Field, value and what was expected of the first value that is out of its range.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        if self.views == Some(0) {
            return Err(("views", "0".to_owned(), "at least 1"));
        }
        if self.top_k == Some(0) {
            return Err(("top_k", "0".to_owned(), "at least 1"));
        }
        match self.limit_gib.filter(|limit| !(limit.is_finite() && *limit > 0.0)) {
            Some(limit) => Err(("limit_gib", limit.to_string(), "above 0")),
            None => Ok(()),
        }
    }

    /// Different views that so many epochs see.
    pub fn views_of(&self, epochs: usize) -> usize {
        self.views.map_or(epochs, |views| views.min(epochs))
    }

    /// Whether students learn exactly what the teacher says.
    pub fn is_exact(&self) -> bool {
        self.precision == Stored::F32 && self.top_k.is_none()
    }
}
