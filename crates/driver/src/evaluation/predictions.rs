//! Logits of a network on a whole set, for figures that look at every row.

use burn::tensor::Device;
use distill_datasets::{DataError, Input, Loader, Part};

use super::{
    metric::{Metric, Rows, likeliest, rank},
    stream::each_batch,
};

/// Rows whose probabilities are in memory at a time.
const TOGETHER: usize = 500;

/// Logits of a network on a whole set, with the right classes.
#[derive(Debug, Clone)]
pub struct Predictions {
    logits: Vec<f32>,
    labels: Vec<i32>,
    classes: usize,
}

impl Predictions {
    /// Logits of everything that `loader` gives: `forward` gives the rows of a batch's input.
    ///
    /// # Errors
    /// The first error of `loader` or `forward`.
    pub fn collect<E: From<DataError>>(
        loader: &Loader,
        device: &Device,
        forward: impl FnMut(Input) -> Result<Vec<f32>, E>,
    ) -> Result<Self, E> {
        let (mut logits, mut labels): (Vec<f32>, Vec<i32>) = Default::default();
        each_batch(loader, device, Part::whole(), forward, |rows, classes| {
            logits.extend_from_slice(rows);
            labels.extend_from_slice(classes);
        })?;
        let classes = logits.len() / labels.len().max(1);
        Ok(Self { logits, labels, classes })
    }

    /// Predictions from logits in rows of `classes` and the right class of each row.
    ///
    /// # Panics
    /// Unless there are `classes` logits for each label.
    pub fn from_logits(logits: Vec<f32>, labels: Vec<i32>, classes: usize) -> Self {
        assert_eq!(logits.len(), labels.len() * classes, "one row for each label");
        Self { logits, labels, classes }
    }

    /// All logits, row by row.
    pub(super) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Number of logits of a row.
    pub(super) fn classes(&self) -> usize {
        self.classes
    }

    /// Adds all rows to the metrics, beside a teacher's for the same samples.
    ///
    /// # Panics
    /// Where the teacher has other samples or another number of classes.
    pub fn measure(&self, teacher: Option<&Self>, metrics: &mut [&mut dyn Metric]) {
        let each = TOGETHER * self.classes.max(1);
        let mut theirs = teacher.map(|teacher| teacher.logits.chunks(each));
        for (logits, labels) in self.logits.chunks(each).zip(self.labels.chunks(TOGETHER)) {
            let teacher = theirs.as_mut().and_then(Iterator::next);
            let rows = Rows::new(logits, self.classes, labels, teacher);
            for metric in metrics.iter_mut() {
                metric.update(&rows);
            }
        }
    }

    /// The right class of each image.
    pub fn labels(&self) -> &[i32] {
        &self.labels
    }

    /// Logits of each image, `classes` of them.
    pub fn rows(&self) -> impl Iterator<Item = &[f32]> {
        self.logits.chunks_exact(self.classes)
    }

    /// Whether the likeliest class of each image is right.
    pub fn right(&self) -> impl Iterator<Item = bool> {
        self.rows().zip(&self.labels).map(|(row, label)| rank(row, *label as usize) == 0)
    }

    /// The likeliest class of each image; of equal logits the first.
    pub fn likeliest(&self) -> impl Iterator<Item = usize> {
        self.rows().map(likeliest)
    }
}
