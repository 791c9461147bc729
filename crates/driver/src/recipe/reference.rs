//! A network of the recipe that another one learns from.

use std::fmt;

use crate::{Stage, store::Weights};

/// A network that another one learns from, as a recipe names it: `NAME`, `NAME@EPOCH` or `NAME@last`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Which network.
    pub stage: Stage,
    /// Its weights.
    pub weights: Weights,
}

impl Reference {
    /// The selected weights of a network.
    pub fn selected(stage: Stage) -> Self {
        Self { stage, weights: Weights::Selected }
    }

    /// Reads `NAME`, `NAME@EPOCH` or `NAME@last`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, weights) = match text.split_once('@') {
            None => (text, Weights::Selected),
            Some((name, "last")) => (name, Weights::Last),
            Some((name, epoch)) => (name, Weights::After(epoch.parse().ok()?)),
        };
        Some(Self { stage: Stage::named(name), weights })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.stage.name();
        match self.weights {
            Weights::Selected => write!(f, "{name}"),
            Weights::Last => write!(f, "{name}@last"),
            Weights::After(epoch) => write!(f, "{name}@{epoch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_a_name_and_an_epoch() {
        for text in ["teacher", "small-1@last", "a@5"] {
            assert_eq!(Reference::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Reference::parse("a@x"), None);
        assert_eq!(Reference::parse("a@5").unwrap().weights.file(), "epoch-0000005.bpk");
    }
}
