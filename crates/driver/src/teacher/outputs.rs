//! Outputs of the teacher for a batch: computed now, or read from the teacher cache.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use burn::tensor::Tensor;
use distill_datasets::SampleId;
use distill_models::Tap;

use super::{Teacher, cache::OutputCache};
use crate::DriverError;

/// Who answers for the teacher while a student learns.
#[derive(Debug)]
pub struct TeacherOutputs {
    source: Source,
    /// Time that the teacher took.
    spent: Cell<Duration>,
}

#[derive(Debug)]
enum Source {
    Live(Box<Teacher>),
    Kept(Box<OutputCache>),
}

impl TeacherOutputs {
    /// The teacher itself.
    pub fn live(teacher: Teacher) -> Self {
        Self { source: Source::Live(Box::new(teacher)), spent: Cell::default() }
    }

    /// What it said earlier.
    pub fn kept(cache: OutputCache) -> Self {
        Self { source: Source::Kept(Box::new(cache)), spent: Cell::default() }
    }

    /// The answers to a batch whose images are on the device already: a view of these samples of the set.
    ///
    /// # Shapes
    /// As those of [`Teacher::answers`].
    ///
    /// # Errors
    /// [`DriverError`] for an unreadable teacher cache.
    pub fn to(
        &self,
        view: u64,
        samples: &[SampleId],
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

    /// Seconds of the teacher's forward passes; 0 with a teacher cache. Devices that work on their
    /// own time are not waited for.
    pub fn seconds(&self) -> f64 {
        self.spent.get().as_secs_f64()
    }
}
