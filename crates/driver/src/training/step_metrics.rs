//! Metrics of a step, kept on the device until several steps are read back together.

use burn::tensor::Tensor;

/// Metrics of a batch or a micro-batch, without a graph: one vector `[correct, loss, terms...]`, for each
/// operation on a device costs a launch. No other file knows the layout.
pub(super) struct StepMetrics(Tensor<1>);

/// The same, read back.
pub(super) struct StepValues<'a> {
    /// Samples that are classified correctly.
    pub(super) correct: f64,
    /// Mean loss.
    pub(super) loss: f64,
    /// Mean of each term that counts in the epoch, without its weight.
    pub(super) terms: &'a [f64],
}

impl StepMetrics {
    /// Metrics of a batch, each `[1]`.
    pub(super) fn new(
        correct: Tensor<1>,
        loss: Tensor<1>,
        terms: impl IntoIterator<Item = Tensor<1>>,
    ) -> Self {
        let mut all = vec![correct, loss];
        all.extend(terms);
        Self(Tensor::cat(all, 0))
    }

    /// Metrics of a batch from those of its micro-batches.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Loss, read back.
    pub(super) fn loss(&self) -> f32 {
        self.0.clone().narrow(0, 1, 1).into_scalar::<f32>()
    }

    /// Numbers in [`packed`](Self::packed).
    pub(super) fn width(&self) -> usize {
        self.0.dims()[0]
    }

    /// The vector that [`StepValues::unpack`] reads.
    pub(super) fn packed(&self) -> Tensor<1> {
        self.0.clone()
    }
}

impl<'a> StepValues<'a> {
    /// Reads one step's numbers.
    pub(super) fn unpack(values: &'a [f64]) -> Self {
        Self { correct: values[0], loss: values[1], terms: &values[2..] }
    }
}
