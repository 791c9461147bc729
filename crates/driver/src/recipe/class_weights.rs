//! Weights of classes, as they are written and as numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::table::Table;
use crate::DriverError;

/// Weights of the classes in the cross entropy with the labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(
    untagged,
    expecting = "expected \"balanced\", a table of numbers by class name, or a list of numbers in the order of the classes"
)]
pub enum ClassWeights {
    /// Computed from the training images.
    Rule(WeightRule),
    /// A number for each class, by its name.
    ByName(BTreeMap<String, f64>),
    /// A number for each class, in the order of the data's classes.
    InOrder(Vec<f64>),
}

/// Rule that gives each class its weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum WeightRule {
    /// n / (k·n_c) for n training images of k classes, n_c of them of the class: scikit-learn's.
    Balanced,
}

impl ClassWeights {
    /// Numbers of the classes `names` for training images with these labels. A class without images, and one that the
    /// table does not name, has 1.
    pub fn numbers(&self, names: &[String], labels: &[u32]) -> Vec<f64> {
        match self {
            Self::Rule(WeightRule::Balanced) => balanced(names.len(), labels),
            Self::ByName(table) => {
                names.iter().map(|name| table.get(name).copied().unwrap_or(1.0)).collect()
            }
            Self::InOrder(list) => {
                (0..names.len()).map(|class| list.get(class).copied().unwrap_or(1.0)).collect()
            }
        }
    }

    /// Its name in a formula.
    pub(super) fn formula(&self) -> &'static str {
        match self {
            Self::Rule(WeightRule::Balanced) => "balanced w_y",
            Self::ByName(_) | Self::InOrder(_) => "w_y",
        }
    }

    /// Checks what needs no data.
    ///
    /// # Errors
    /// [`DriverError`] for a number that is negative or not finite, and for numbers that are all 0.
    pub(super) fn check(&self, table: Table<'_>) -> Result<(), DriverError> {
        let named: Vec<(String, f64)> = match self {
            Self::Rule(_) => return Ok(()),
            Self::ByName(all) => all.iter().map(|(name, weight)| (name.clone(), *weight)).collect(),
            Self::InOrder(all) => {
                all.iter().enumerate().map(|(at, weight)| (at.to_string(), *weight)).collect()
            }
        };
        // Larger ones leave the range of single precision in sums over a batch.
        let allowed = 0.0..=1e9;
        if let Some((name, weight)) = named.iter().find(|(_, weight)| !allowed.contains(weight)) {
            let field = format!("class_weights.{name}");
            return Err(table.refuse(&field, weight, "a number from 0 to 1e9"));
        }
        if named.iter().all(|(_, weight)| *weight as f32 == 0.0) {
            return Err(table.refuse(
                "class_weights",
                "0 for every class",
                "one above 0 at the least",
            ));
        }
        Ok(())
    }

    /// Checks that each class of the data has a weight, and no other.
    ///
    /// # Errors
    /// [`DriverError`] naming the class.
    pub(super) fn check_classes(
        &self,
        names: &[String],
        table: Table<'_>,
    ) -> Result<(), DriverError> {
        match self {
            Self::Rule(_) => Ok(()),
            Self::ByName(all) => {
                let classes: BTreeSet<&String> = names.iter().collect();
                let known = names.join(", ");
                if let Some(unknown) = all.keys().find(|name| !classes.contains(name)) {
                    let expected = format!("a class of the data, one of {known}");
                    return Err(table.refuse("class_weights", unknown, &expected));
                }
                match names.iter().find(|name| !all.contains_key(*name)) {
                    Some(missing) => {
                        let field = format!("class_weights.{missing}");
                        let expected = format!("a number for each class: {known}");
                        Err(table.refuse(&field, "missing", &expected))
                    }
                    None => Ok(()),
                }
            }
            Self::InOrder(all) if all.len() != names.len() => {
                let (count, known) = (names.len(), names.join(", "));
                let expected = format!("a number for each of the {count} classes: {known}");
                let value = format!("{} numbers", all.len());
                Err(table.refuse("class_weights", value, &expected))
            }
            Self::InOrder(_) => Ok(()),
        }
    }
}

fn balanced(classes: usize, labels: &[u32]) -> Vec<f64> {
    let mut counts = vec![0_usize; classes];
    for label in labels {
        counts[*label as usize] += 1;
    }
    let occurring = counts.iter().filter(|count| **count > 0).count();
    let weight = |count: usize| match count {
        0 => 1.0,
        _ => labels.len() as f64 / (occurring * count) as f64,
    };
    counts.into_iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|class| format!("class {class}")).collect()
    }

    #[test]
    fn balanced_weights_are_those_of_scikit_learn() {
        // compute_class_weight("balanced", classes=[0, 1, 2], y=[0, 0, 0, 1, 1, 2])
        let rule = ClassWeights::Rule(WeightRule::Balanced);
        let labels = [0, 0, 0, 1, 1, 2];
        assert_eq!(rule.numbers(&names(3), &labels), [6.0 / 9.0, 1.0, 2.0]);
        // A class without images does not count among the classes: y has two.
        assert_eq!(rule.numbers(&names(3), &[0, 0, 0, 2]), [4.0 / 6.0, 1.0, 2.0]);
    }

    #[test]
    fn numbers_follow_the_names_and_not_their_order_in_the_table() {
        let table = BTreeMap::from([("class 1".to_owned(), 5.0), ("class 0".to_owned(), 0.5)]);
        let mut names = names(2);
        names.push("others".to_owned());
        assert_eq!(ClassWeights::ByName(table).numbers(&names, &[]), [0.5, 5.0, 1.0]);
        assert_eq!(ClassWeights::InOrder(vec![3.0, 4.0]).numbers(&names, &[]), [3.0, 4.0, 1.0]);
    }
}
