use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::{ConfigError, SignalError, Signals, TermConfig, formula};

/// One loss: a function of signals, without a weight.
pub trait Term: Debug + Send + Sync {
    /// Name in recipes and records.
    fn name(&self) -> &'static str;

    /// Effective formula without the weight: `T²·KL(T=5)`.
    fn formula(&self) -> String;

    /// Whether it reads the teacher's signals.
    fn needs_teacher(&self) -> bool {
        false
    }

    /// Refuses a number of classes for which it is not defined.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field that is in the way.
    fn check_classes(&self, _classes: usize) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Value, mean over the batch, `[1]`; in nats unless the term says otherwise.
    ///
    /// # Errors
    /// [`SignalError`] where a signal that it needs is missing.
    fn forward(&self, signals: &Signals) -> Result<Tensor<1>, SignalError>;
}

/// A weighted sum of named terms.
#[derive(Debug)]
pub struct Objective {
    terms: Vec<Weighted>,
}

#[derive(Debug)]
struct Weighted {
    name: String,
    weight: f64,
    term: Box<dyn Term>,
}

/// The value of an [`Objective`] on one batch.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Weighted sum, `[1]`: what is minimised.
    pub total: Tensor<1>,
    /// Each term, in the order of the configuration.
    pub terms: Vec<TermValue>,
}

/// One term's part of an [`Evaluation`].
#[derive(Debug, Clone)]
pub struct TermValue {
    /// Name of the term; of several with one name, the later ones get a number: `soft-targets-2`.
    pub name: String,
    /// Its factor in the sum.
    pub weight: f64,
    /// Its value without the weight, `[1]`.
    pub value: Tensor<1>,
}

impl Objective {
    /// Checks and makes the sum of `terms`.
    ///
    /// # Errors
    /// [`ConfigError`] for no terms at all, a value out of its range, or weights that are all zero.
    pub fn new(terms: &[TermConfig]) -> Result<Self, ConfigError> {
        if terms.is_empty() {
            return Err(ConfigError::new("objective", "[]", "at least one term"));
        }
        if terms.iter().all(|term| term.weight() == 0.0) {
            return Err(ConfigError::new("objective[..].weight", 0, "at least one weight above 0"));
        }
        let build = |(index, config): (usize, &TermConfig)| {
            let term = config.build().map_err(|e| e.within(&format!("objective[{index}]")))?;
            Ok((config.weight(), term))
        };
        let terms = terms.iter().enumerate().map(build).collect::<Result<_, ConfigError>>()?;
        Ok(Self::of(terms))
    }

    /// The sum of terms with their weights, among them terms of one's own.
    pub fn of(terms: Vec<(f64, Box<dyn Term>)>) -> Self {
        let mut named: Vec<Weighted> = Vec::with_capacity(terms.len());
        for (weight, term) in terms {
            let same = named.iter().filter(|other| other.term.name() == term.name()).count();
            let name = match same {
                0 => term.name().to_owned(),
                _ => format!("{}-{}", term.name(), same + 1),
            };
            named.push(Weighted { name, weight, term });
        }
        Self { terms: named }
    }

    /// Whether any term with a weight above zero reads the teacher's signals.
    pub fn needs_teacher(&self) -> bool {
        self.active().any(|weighted| weighted.term.needs_teacher())
    }

    /// Refuses a number of classes for which one of its terms is not defined.
    ///
    /// # Errors
    /// [`ConfigError`] naming the term and the field.
    pub fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        let active = self.terms.iter().enumerate().filter(|(_, weighted)| weighted.weight > 0.0);
        for (index, weighted) in active {
            let checked = weighted.term.check_classes(classes);
            checked.map_err(|e| e.within(&format!("objective[{index}]")))?;
        }
        Ok(())
    }

    /// Effective formula of the sum: `0.40·T²·KL(T=5) + 0.50·CE`.
    pub fn formula(&self) -> String {
        let formula = |w: &Weighted| format!("{}·{}", formula::weight(w.weight), w.term.formula());
        self.terms.iter().map(formula).collect::<Vec<_>>().join(" + ")
    }

    /// Names of the terms that count, in the order of the configuration.
    pub fn names(&self) -> Vec<&str> {
        self.active().map(|weighted| weighted.name.as_str()).collect()
    }

    /// Value on one batch. Terms of weight zero are not computed and not listed.
    ///
    /// # Errors
    /// [`SignalError`] where a signal that a term needs is missing.
    pub fn evaluate(&self, signals: &Signals) -> Result<Evaluation, SignalError> {
        let terms = self
            .active()
            .map(|Weighted { name, weight, term }| {
                let value = term.forward(signals)?;
                Ok(TermValue { name: name.clone(), weight: *weight, value })
            })
            .collect::<Result<Vec<_>, SignalError>>()?;
        let total = terms
            .iter()
            .map(|term| term.value.clone() * term.weight)
            .reduce(|sum, term| sum + term)
            .expect("a checked objective has a term with a weight above zero");
        Ok(Evaluation { total, terms })
    }

    fn active(&self) -> impl Iterator<Item = &Weighted> {
        self.terms.iter().filter(|weighted| weighted.weight > 0.0)
    }
}
