//! The weighted sum of loss terms.

use std::sync::Arc;

use burn::tensor::{DType, Tensor};

use crate::{
    ConfigError, Connectors, Initial, Inputs, Places, Schedule, SignalError, Signals, TapShape,
    Term, signals::as_type, terms::TermConfig,
};

/// A weighted sum of named terms.
#[derive(Debug, Clone)]
pub struct Objective {
    terms: Vec<Weighted>,
}

#[derive(Debug, Clone)]
struct Weighted {
    name: String,
    weight: Schedule,
    places: Option<Places>,
    term: Arc<dyn Term>,
}

/// The value of an [`Objective`] on one batch. A sum of none is 0 and has no gradient.
#[derive(Debug, Clone)]
pub struct Evaluation {
    /// Weighted sum, `[1]`: what is minimised.
    pub total: Tensor<1>,
    /// Each term that counts in this epoch, in the order of the configuration.
    pub terms: Vec<TermValue>,
}

/// One term's part of an [`Evaluation`].
#[derive(Debug, Clone)]
pub struct TermValue {
    /// Name of the term; of several with one name, the later ones get a number: `soft-targets-2`.
    pub name: String,
    /// Its factor in the sum, in this epoch.
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
        if terms.iter().all(|term| term.weight().is_zero()) {
            return Err(ConfigError::new("objective[..].weight", 0, "at least one weight above 0"));
        }
        let mut built = Vec::with_capacity(terms.len());
        for (index, config) in terms.iter().enumerate() {
            let term = config.build().map_err(|e| e.within(&format!("objective[{index}]")))?;
            built.push((config.weight(), term));
        }
        Ok(Self::of(built))
    }

    /// The sum of terms with their weights, among them terms of one's own.
    pub fn of(terms: Vec<(Schedule, Box<dyn Term>)>) -> Self {
        let mut named: Vec<Weighted> = Vec::with_capacity(terms.len());
        for (weight, term) in terms {
            let same = named.iter().filter(|other| other.term.name() == term.name()).count();
            let name = match same {
                0 => term.name().to_owned(),
                _ => format!("{}-{}", term.name(), same + 1),
            };
            named.push(Weighted { name, weight, places: term.places(), term: Arc::from(term) });
        }
        Self { terms: named }
    }

    /// Whether any term with a weight above zero reads the teacher's signals.
    pub fn needs_teacher(&self) -> bool {
        self.active().any(|(_, weighted)| weighted.term.needs_teacher())
    }

    /// Whether any term with a weight above zero compares features.
    pub fn needs_features(&self) -> bool {
        self.active().any(|(_, weighted)| weighted.places.is_some())
    }

    /// How many samples of other classes each sample is to be contrasted with, where any term asks.
    pub fn negatives(&self) -> Option<usize> {
        self.active().filter_map(|(_, weighted)| weighted.term.negatives()).max()
    }

    /// Refuses a number of classes for which one of its terms is not defined.
    ///
    /// # Errors
    /// [`ConfigError`] naming the term and the field.
    pub fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        let mut active = self.active();
        active.try_for_each(|(index, weighted)| weighted.check_classes(index, classes))
    }

    /// Fixes which features are compared, for networks with these taps, shallow to deep. Where it is not
    /// called, names are looked up among the signals.
    ///
    /// # Errors
    /// [`ConfigError`] with the field `taps` of a term: a name that is not there, or nothing to pair.
    pub fn resolve(
        &mut self,
        student: &[TapShape],
        teacher: &[TapShape],
    ) -> Result<(), ConfigError> {
        let active = self.terms.iter_mut().enumerate().filter(|(_, w)| !w.weight.is_zero());
        for (index, weighted) in active {
            if let Some(places) = &mut weighted.places {
                let resolved = places.resolve(student, teacher);
                resolved.map_err(|e| e.within(&format!("objective[{index}]")))?;
            }
        }
        Ok(())
    }

    /// Names of the features that its terms compare, of student and teacher, each once; known once it is
    /// [resolved](Self::resolve).
    pub fn taps(&self) -> [Vec<&str>; 2] {
        let places = self.active().filter_map(|(_, weighted)| weighted.places.as_ref());
        let mut taps = [Vec::new(), Vec::new()];
        for pair in places.flat_map(Places::pairs) {
            for (names, name) in taps.iter_mut().zip(pair) {
                if !names.contains(&name.as_str()) {
                    names.push(name.as_str());
                }
            }
        }
        taps
    }

    /// What the terms train beside the student, made by a dry run: `signals` with the features of both
    /// networks, both in evaluation. Shapes, device and precision are taken from them, and margins are measured on
    /// them; initial weights are those of `seed`. The connectors are on the plain device;
    /// [`train`](burn::module::Module::train) makes them ready to learn.
    ///
    /// # Errors
    /// [`SignalError`] for features that a term cannot compare.
    pub fn connect(&self, signals: &Signals, seed: u64) -> Result<Connectors, SignalError> {
        let signals = &signals.without_autodiff();
        let device = signals.device().inner();
        let initial = &mut Initial::new(seed, device, signals.feature_type());
        let mut connectors: Vec<_> = self.terms.iter().map(|_| None).collect();
        for (index, weighted) in self.active() {
            let (features, connector) = (weighted.features(signals)?, &mut None);
            let dry_run = Inputs { signals, features, connector };
            connectors[index] = weighted.term.connect(dry_run, initial)?;
        }
        let names = self.terms.iter().map(|weighted| weighted.name.clone()).collect();
        Ok(Connectors::of(names, connectors))
    }

    /// Effective formula of the sum: `0.40·T²·KL(T=5) + 0.50·CE`.
    pub fn formula(&self) -> String {
        self.terms.iter().map(Weighted::formula).collect::<Vec<_>>().join(" + ")
    }

    /// Names of the terms that count in any epoch, in the order of the configuration.
    pub fn names(&self) -> Vec<&str> {
        self.active().map(|(_, weighted)| weighted.name.as_str()).collect()
    }

    /// Names of the terms that count in an epoch, from 1.
    pub fn names_in(&self, epoch: usize) -> Vec<&str> {
        let counting = self.active().filter(|(_, weighted)| weighted.weight.at(epoch) > 0.0);
        counting.map(|(_, weighted)| weighted.name.as_str()).collect()
    }

    /// Value on one batch, of an objective without connectors.
    ///
    /// # Errors
    /// As [`evaluate_with`](Self::evaluate_with).
    pub fn evaluate(&self, signals: &Signals) -> Result<Evaluation, SignalError> {
        self.evaluate_with(signals, &mut Connectors::none())
    }

    /// Value on one batch. Terms whose weight is zero in the signals' epoch are not computed and not
    /// listed. Memory banks among the connectors follow the batch.
    ///
    /// Labels are read from the device and checked, unless they are known to be
    /// [in range](Signals::assume_in_range).
    ///
    /// # Errors
    /// [`SignalError`] where a signal that a term needs is missing, the batch is empty, labels are out of range,
    /// features are of other batches, or a term is not defined for so many classes.
    pub fn evaluate_with(
        &self,
        signals: &Signals,
        connectors: &mut Connectors,
    ) -> Result<Evaluation, SignalError> {
        signals.check()?;
        let mut terms = Vec::new();
        for (index, weighted) in self.active() {
            let weight = weighted.weight.at(signals.epoch());
            if weight > 0.0 {
                if let Some(classes) = signals.classes() {
                    weighted.check_classes(index, classes)?;
                }
                let (features, connector) = (weighted.features(signals)?, connectors.slot(index));
                let value = weighted.term.forward(Inputs { signals, features, connector })?;
                terms.push(TermValue { name: weighted.name.clone(), weight, value });
            }
        }
        let is_double = terms.iter().any(|term| term.value.dtype() == DType::F64);
        let dtype = if is_double { DType::F64 } else { DType::F32 };
        let weighted = terms.iter().map(|term| as_type(term.value.clone(), dtype) * term.weight);
        let total = weighted.reduce(|sum, term| sum + term);
        let total = total.unwrap_or_else(|| Tensor::zeros([1], &signals.device()));
        Ok(Evaluation { total, terms })
    }

    /// Terms that count in some epoch, and their places among all.
    fn active(&self) -> impl Iterator<Item = (usize, &Weighted)> {
        self.terms.iter().enumerate().filter(|(_, weighted)| !weighted.weight.is_zero())
    }
}

impl Weighted {
    fn check_classes(&self, index: usize, classes: usize) -> Result<(), ConfigError> {
        let checked = self.term.check_classes(classes);
        checked.map_err(|e| e.within(&format!("objective[{index}]")))
    }

    fn features(&self, signals: &Signals) -> Result<Vec<[Tensor<4>; 2]>, SignalError> {
        let Some(places) = &self.places else { return Ok(Vec::new()) };
        places.features(&self.name, signals)
    }

    fn formula(&self) -> String {
        let formula = self.term.formula();
        let formula = match &self.places {
            Some(places) => places.formula(&formula),
            None => formula,
        };
        format!("{}·{formula}", self.weight.weight_formula())
    }
}
