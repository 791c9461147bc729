//! One loss term: its trait and what it may look at.

use std::fmt::Debug;

use burn::tensor::Tensor;

use crate::{ConfigError, Connector, Initial, Layer, Places, SignalError, Signals};

/// What a term is given for one batch.
#[derive(Debug)]
pub struct Inputs<'a> {
    /// Logits, labels and the rest.
    pub signals: &'a Signals,
    /// Features of student and teacher of each pair that the term compares, each
    /// `[batch, channels, height, width]`.
    pub features: Vec<[Tensor<4>; 2]>,
    /// What [`Term::connect`] gave, as it is trained by now; nothing in the dry run.
    pub connector: &'a mut Option<Connector>,
}

impl Inputs<'_> {
    /// Sum of a loss over all pairs, `[1]`.
    ///
    /// # Panics
    /// Without any pair: a term that compares features has one.
    pub fn sum(self, loss: impl FnMut([Tensor<4>; 2]) -> Tensor<1>) -> Tensor<1> {
        let losses = self.features.into_iter().map(loss);
        losses.reduce(|sum, loss| sum + loss).expect("at least one pair")
    }

    /// Sum of a loss over all pairs, `[1]`, each with its part of the connector. The loss is nothing where the
    /// layers are not those that [`Term::connect`] makes.
    ///
    /// # Errors
    /// [`SignalError::NoConnector`] where there are no such layers, with the name of the asking `term`.
    pub fn sum_connected(
        self,
        term: &'static str,
        mut loss: impl FnMut([Tensor<4>; 2], &[Layer]) -> Option<Tensor<1>>,
    ) -> Result<Tensor<1>, SignalError> {
        let parts = match self.connector {
            Some(connector) if connector.parts.len() == self.features.len() => &connector.parts,
            _ => return Err(SignalError::NoConnector { term }),
        };
        let pairs = self.features.into_iter().zip(parts);
        let losses: Option<Vec<_>> = pairs.map(|(pair, layers)| loss(pair, layers)).collect();
        let sum = losses.into_iter().flatten().reduce(|sum, loss| sum + loss);
        sum.ok_or(SignalError::NoConnector { term })
    }
}

/// One loss: a function of signals, without a weight.
///
/// A term of one's own needs [`name`](Self::name) and [`forward`](Self::forward), and goes into
/// [`Objective::of`](crate::Objective::of).
pub trait Term: Debug + Send + Sync {
    /// Name in recipes and records.
    fn name(&self) -> &'static str;

    /// Effective formula without the weight: `T²·KL(T=5)`. Its name where a term does not say.
    fn formula(&self) -> String {
        self.name().to_owned()
    }

    /// Whether it reads the teacher's logits or features.
    fn needs_teacher(&self) -> bool {
        self.places().is_some()
    }

    /// Refuses a number of classes for which it is not defined.
    ///
    /// # Errors
    /// [`ConfigError`] naming the field that is in the way.
    fn check_classes(&self, _classes: usize) -> Result<(), ConfigError> {
        Ok(())
    }

    /// Which features it compares, where it compares any.
    fn places(&self) -> Option<Places> {
        None
    }

    /// How many samples of other classes it wants for each sample, where it wants any.
    fn negatives(&self) -> Option<usize> {
        None
    }

    /// What it trains beside the student, made by a dry run, with weights from `initial`.
    ///
    /// # Errors
    /// [`SignalError`] for features that it cannot compare.
    fn connect(
        &self,
        _dry_run: Inputs<'_>,
        _initial: &mut Initial,
    ) -> Result<Option<Connector>, SignalError> {
        Ok(None)
    }

    /// Value, mean over the batch, `[1]`; in nats unless the term says otherwise.
    ///
    /// # Errors
    /// [`SignalError`] where a signal that it needs is missing.
    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError>;
}
