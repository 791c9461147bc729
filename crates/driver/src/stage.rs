//! Stages of a run: the networks that it makes, one after another.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde::{Serialize, Serializer};

/// A network of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The one that the student learns from.
    Teacher,
    /// The student's network, trained on labels alone with the same budget.
    Baseline,
    /// The student, distilled.
    Student,
    /// One of the recipe's `[networks]`, by its name.
    Network(&'static str),
}

impl Stage {
    /// Those that every run has, in the order of their making.
    pub const ALL: [Self; 3] = [Self::Teacher, Self::Baseline, Self::Student];

    /// The stage of a name.
    pub fn named(name: &str) -> Self {
        let fixed = Self::ALL.into_iter().find(|stage| stage.name() == name);
        fixed.unwrap_or_else(|| Self::Network(interned(name)))
    }

    /// Its name: the one that recipes and reports give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Baseline => "baseline",
            Self::Student => "student",
            Self::Network(name) => name,
        }
    }

    /// Its table in a recipe; the baseline has the student's.
    pub(crate) fn table(self) -> String {
        match self {
            Self::Network(name) => format!("networks.{name}"),
            Self::Baseline => Self::Student.name().to_owned(),
            _ => self.name().to_owned(),
        }
    }

    /// Its folder in that of a run.
    pub(crate) fn folder(self, run: &Path) -> PathBuf {
        match self {
            Self::Network(name) => run.join("networks").join(name),
            _ => run.join(self.name()),
        }
    }
}

impl Serialize for Stage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Stage {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Stage".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "`teacher`, `baseline`, `student` or the name of one of the recipe's networks.",
            "type": "string",
        })
    }
}

/// The name for as long as the process lives, so that stages can be passed around freely; recipes have few.
fn interned(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(there) = names.get(name) {
        return there;
    }
    let leaked: &'static str = Box::leak(name.to_owned().into_boxed_str());
    names.insert(leaked);
    leaked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_stage() {
        assert_eq!(Stage::named("student"), Stage::Student);
        let own = Stage::named(&String::from("assistant"));
        assert_eq!((own, own.name()), (Stage::named("assistant"), "assistant"));
        assert!(std::ptr::eq(own.name(), Stage::named("assistant").name()));
    }
}
