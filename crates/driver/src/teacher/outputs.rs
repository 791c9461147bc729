//! Outputs of the teacher for a batch: computed now, or read from the teacher cache.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use burn::tensor::Tensor;
use distill_datasets::{Input, SampleId};
use distill_models::Feature;

use super::{Teacher, cache::OutputCache};
use crate::DriverError;

/// Outputs of a teacher, live or from the teacher cache.
#[derive(Debug)]
pub struct TeacherOutputs {
    source: Source,
    /// Time of the teacher's forward passes.
    spent: Cell<Duration>,
}

#[derive(Debug)]
enum Source {
    Live(Box<Teacher>),
    Cached(Box<OutputCache>),
}

impl TeacherOutputs {
    /// The teacher itself.
    pub fn live(teacher: Teacher) -> Self {
        Self { source: Source::Live(Box::new(teacher)), spent: Cell::default() }
    }

    /// Those of a teacher cache.
    pub fn cached(cache: OutputCache) -> Self {
        Self { source: Source::Cached(Box::new(cache)), spent: Cell::default() }
    }

    /// Outputs for a batch whose input is on the device already: an augmented view of these samples.
    ///
    /// # Shapes
    /// As those of [`Teacher::outputs`].
    ///
    /// # Errors
    /// [`DriverError`] for an unreadable teacher cache, and for input that the teacher does not take.
    pub fn of(
        &self,
        view: u64,
        samples: &[SampleId],
        input: &Input,
        with_features: bool,
    ) -> Result<(Tensor<2>, Vec<Feature>), DriverError> {
        match &self.source {
            Source::Live(teacher) => {
                let started = Instant::now();
                let outputs = teacher.outputs(input.clone(), with_features)?;
                self.spent.set(self.spent.get() + started.elapsed());
                Ok(outputs)
            }
            Source::Cached(cache) => cache.outputs(view, samples),
        }
    }

    /// Seconds of the teacher's forward passes; 0 with a teacher cache. Devices that work on their
    /// own time are not waited for.
    pub fn seconds(&self) -> f64 {
        self.spent.get().as_secs_f64()
    }
}
