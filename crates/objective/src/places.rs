//! Which features of two networks are compared: by name, or by a rule.

use std::borrow::Cow;

use burn::tensor::Tensor;

use crate::{ConfigError, SignalError, Signals, TapShape};

/// Which taps a term compares where its configuration names none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// The deepest one of each network.
    Deepest,
    /// All pairs with maps of one size: of several in a network, the deepest.
    SameSize,
    /// Of those pairs the middle one.
    Middle,
    /// Pairs with maps of one size in front of the activation.
    BeforeActivation,
}

/// Suffix of the names of taps in front of the activation.
const BEFORE_ACTIVATION: &str = ".preact";

/// The pairs of taps that a term compares.
#[derive(Debug, Clone)]
pub struct Places {
    rule: Rule,
    named: bool,
    pairs: Vec<[String; 2]>,
}

impl Places {
    /// Pairs of [student, teacher] by name, or by `rule` where there are none.
    pub fn new(named: &[[String; 2]], rule: Rule) -> Self {
        Self { rule, named: !named.is_empty(), pairs: named.to_vec() }
    }

    /// Fixes the pairs for networks with these taps.
    ///
    /// # Errors
    /// [`ConfigError`] with the field `taps`: a name that is not there, or nothing that the rule can pair.
    pub fn resolve(
        &mut self,
        student: &[TapShape],
        teacher: &[TapShape],
    ) -> Result<(), ConfigError> {
        if self.named {
            return check_names(&self.pairs, student, teacher);
        }
        self.pairs = by_rule(self.rule, student, teacher)?;
        Ok(())
    }

    /// Feature pairs; `None` before they are named or resolved.
    pub fn pairs(&self) -> &[[String; 2]] {
        &self.pairs
    }

    /// Student's and teacher's features of each pair. What is not [resolved](Self::resolve) is paired among
    /// the features that are there.
    ///
    /// # Errors
    /// [`SignalError`] where there is nothing of a name, or nothing to pair.
    pub fn features(
        &self,
        term: &str,
        signals: &Signals,
    ) -> Result<Vec<[Tensor<4>; 2]>, SignalError> {
        let pairs = match self.pairs.is_empty() {
            true => {
                let [student, teacher] = signals.feature_shapes();
                if student.is_empty() || teacher.is_empty() {
                    return Err(SignalError::WithoutFeatures { term: term.to_owned() });
                }
                Cow::Owned(by_rule(self.rule, &student, &teacher)?)
            }
            false => Cow::Borrowed(&self.pairs),
        };
        pairs.iter().map(|pair| signals.features(term, pair)).collect()
    }

    /// `NAME(block2→layer2, block3)`.
    pub(crate) fn formula(&self, name: &str) -> String {
        if self.pairs.is_empty() {
            return name.to_owned();
        }
        let pairs = self.pairs.iter().map(|[student, teacher]| match student == teacher {
            true => student.clone(),
            false => format!("{student}→{teacher}"),
        });
        format!("{name}({})", pairs.collect::<Vec<_>>().join(", "))
    }
}

fn check_names(
    named: &[[String; 2]],
    student: &[TapShape],
    teacher: &[TapShape],
) -> Result<(), ConfigError> {
    for [of_student, of_teacher] in named {
        for (network, name, known) in
            [("student", of_student, student), ("teacher", of_teacher, teacher)]
        {
            if !known.iter().any(|tap| tap.name == *name) {
                let expected = format!("one of the {network}'s: {}", list(known));
                return Err(ConfigError::new("taps", name, expected));
            }
        }
    }
    Ok(())
}

fn by_rule(
    rule: Rule,
    student: &[TapShape],
    teacher: &[TapShape],
) -> Result<Vec<[String; 2]>, ConfigError> {
    let before = rule == Rule::BeforeActivation;
    let of_kind = |taps: &[TapShape]| -> Vec<TapShape> {
        let taps = taps.iter().filter(|tap| tap.name.ends_with(BEFORE_ACTIVATION) == before);
        taps.cloned().collect()
    };
    let (student, teacher) = (of_kind(student), of_kind(teacher));
    let pair = |s: &TapShape, t: &TapShape| [s.name.clone(), t.name.clone()];
    let mut found = Vec::new();
    match (rule, student.last(), teacher.last()) {
        (_, None, _) | (_, _, None) => {}
        (Rule::Deepest, Some(s), Some(t)) => found.push(pair(s, t)),
        _ => {
            let size = |tap: &TapShape| (tap.places, tap.grid);
            for (at, tap) in student.iter().enumerate() {
                if student[at + 1..].iter().any(|deeper| size(deeper) == size(tap)) {
                    continue;
                }
                let same = teacher.iter().rev().find(|other| size(other) == size(tap));
                found.extend(same.map(|other| pair(tap, other)));
            }
            if rule == Rule::Middle && !found.is_empty() {
                found = vec![found.swap_remove(found.len() / 2)];
            }
        }
    }
    if found.is_empty() {
        let kind = if before { " in front of the activation" } else { "" };
        let expected = format!(
            "pairs of [student, teacher], for no two{kind} have maps of one size; student: {}; teacher: {}",
            list(&student),
            list(&teacher)
        );
        return Err(ConfigError::new("taps", "[]", expected));
    }
    Ok(found)
}

fn list(taps: &[TapShape]) -> String {
    if taps.is_empty() {
        return "none".to_owned();
    }
    let taps = taps.iter().map(|tap| {
        let [width, rows, columns] = tap.dims();
        format!("`{}` ({width}x{rows}x{columns})", tap.name)
    });
    taps.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taps(sides: &[(&str, usize)]) -> Vec<TapShape> {
        sides.iter().map(|(name, side)| TapShape::map(*name, [8, *side, *side])).collect()
    }

    #[test]
    fn rules_pair_by_size_and_depth() {
        let student = taps(&[("block1", 16), ("block2", 8), ("block2.preact", 16), ("block3", 4)]);
        let teacher = taps(&[
            ("layer1", 32),
            ("layer2", 16),
            ("layer3.preact", 16),
            ("layer3", 8),
            ("layer4", 8),
        ]);
        let names = |rule| {
            let mut places = Places::new(&[], rule);
            places.resolve(&student, &teacher).unwrap();
            places.pairs().iter().map(|[s, t]| format!("{s} {t}")).collect::<Vec<_>>()
        };
        assert_eq!(names(Rule::Deepest), ["block3 layer4"]);
        assert_eq!(names(Rule::SameSize), ["block1 layer2", "block2 layer4"]);
        assert_eq!(names(Rule::Middle), ["block2 layer4"]);
        assert_eq!(names(Rule::BeforeActivation), ["block2.preact layer3.preact"]);
    }

    #[test]
    fn what_is_not_there_is_refused_with_what_is() {
        let (student, teacher) = (taps(&[("a", 4)]), taps(&[("b", 2)]));
        let resolve =
            |named: &[[String; 2]], rule| Places::new(named, rule).resolve(&student, &teacher);
        let error = resolve(&[], Rule::SameSize).unwrap_err();
        assert!(error.to_string().contains("`a` (8x4x4)"), "{error}");
        let named = [["a".to_owned(), "c".to_owned()]];
        let error = resolve(&named, Rule::Deepest).unwrap_err();
        assert_eq!((error.field.as_str(), error.value.as_str()), ("taps", "c"));
        assert!(error.to_string().contains("`b`"), "{error}");
        let named = [["a".to_owned(), "b".to_owned()]];
        assert!(resolve(&named, Rule::SameSize).is_ok());
    }
}
