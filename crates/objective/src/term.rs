use std::fmt::Debug;

use burn::tensor::Tensor;
use rand_core::RngCore;

use crate::{ConfigError, Connector, Places, SignalError, Signals};

/// One loss: a function of signals, without a weight.
///
/// A term of one's own needs [`name`](Self::name), [`formula`](Self::formula) and [`forward`](Self::forward),
/// and goes into [`Objective::of`](crate::Objective::of).
pub trait Term: Debug + Send + Sync {
    /// Name in recipes and records.
    fn name(&self) -> &'static str;

    /// Effective formula without the weight: `T²·KL(T=5)`.
    fn formula(&self) -> String;

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
    fn places(&self) -> Option<&Places> {
        None
    }

    /// The same, to be [resolved](Places::resolve).
    fn places_mut(&mut self) -> Option<&mut Places> {
        None
    }

    /// How many samples of other classes it wants for each sample, where it wants any.
    fn negatives(&self) -> Option<usize> {
        None
    }

    /// What it trains beside the student, made by a dry run over `signals`.
    ///
    /// # Errors
    /// [`SignalError`] for features that it cannot compare.
    fn connect(
        &self,
        _signals: &Signals,
        _rng: &mut dyn RngCore,
    ) -> Result<Option<Connector>, SignalError> {
        Ok(None)
    }

    /// Value, mean over the batch, `[1]`; in nats unless the term says otherwise. `connector` is what
    /// [`connect`](Self::connect) gave, as it is trained by now.
    ///
    /// # Errors
    /// [`SignalError`] where a signal that it needs is missing.
    fn forward(
        &self,
        signals: &Signals,
        connector: &mut Option<Connector>,
    ) -> Result<Tensor<1>, SignalError>;
}
