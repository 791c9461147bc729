//! The teacher: in evaluation mode and outside autodiff, here and nowhere else.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use burn::{module::Module, tensor::Tensor};
use distill_models::{Graph, Network, Tap};

use crate::{DriverError, View, cache::AnswerCache};

/// A frozen network that answers with logits, and with features where it is asked.
#[derive(Debug, Clone)]
pub struct Teacher {
    network: Network,
    view: View,
}

impl Teacher {
    /// Freezes `network`: dropout off, running statistics fixed, no gradients.
    pub fn new(network: &Network, view: View) -> Self {
        Self { network: network.valid(), view }
    }

    /// Logits of a batch, without a gradient: the teacher looks at the student's images in its own way.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`, pixels as fractions in `[0, 1]`
    /// - output: `[batch, classes]`, on the plain device
    pub fn logits(&self, images: Tensor<4>) -> Tensor<2> {
        self.network.forward(self.view.apply(images.without_autodiff()))
    }

    /// The same logits, and the features that are [watched](Self::watch) where they are asked for.
    pub fn answers(&self, images: Tensor<4>, with_features: bool) -> (Tensor<2>, Vec<Tap>) {
        match with_features {
            true => self.network.forward_with_taps(self.view.apply(images.without_autodiff())),
            false => (self.logits(images), Vec::new()),
        }
    }

    /// Names the features that it answers with.
    ///
    /// # Errors
    /// [`DriverError`] for a name that the network has not.
    pub fn watch(&mut self, taps: &[&str]) -> Result<(), DriverError> {
        self.network = self.network.clone().watching(taps)?;
        Ok(())
    }

    /// Its layers and taps.
    pub fn graph(&self) -> &Graph {
        self.network.graph()
    }
}

/// Who answers for the teacher while a student learns.
#[derive(Debug)]
pub struct Answers {
    source: Source,
    /// Time that the teacher took.
    spent: Cell<Duration>,
}

#[derive(Debug)]
enum Source {
    Live(Box<Teacher>),
    Kept(Box<AnswerCache>),
}

impl Answers {
    /// The teacher itself.
    pub fn live(teacher: Teacher) -> Self {
        Self { source: Source::Live(Box::new(teacher)), spent: Cell::default() }
    }

    /// What it said earlier.
    pub fn kept(cache: AnswerCache) -> Self {
        Self { source: Source::Kept(Box::new(cache)), spent: Cell::default() }
    }

    /// The answers to a batch whose images are on the device already: a view of these samples of the set.
    ///
    /// # Shapes
    /// As those of [`Teacher::answers`].
    ///
    /// # Errors
    /// [`DriverError`] where kept answers cannot be read.
    pub fn to(
        &self,
        view: u64,
        samples: &[u32],
        images: &Tensor<4>,
        with_features: bool,
    ) -> Result<(Tensor<2>, Vec<Tap>), DriverError> {
        match &self.source {
            Source::Live(teacher) => {
                let started = Instant::now();
                let answers = teacher.answers(images.clone(), with_features);
                self.spent.set(self.spent.get() + started.elapsed());
                Ok(answers)
            }
            Source::Kept(cache) => cache.answers(view, samples),
        }
    }

    /// Seconds that the teacher computed here; none where its answers were kept. Devices that work on their
    /// own time are not waited for.
    pub fn seconds(&self) -> f64 {
        self.spent.get().as_secs_f64()
    }
}
