//! Metrics: sums over rows of logits that stream by, so that no set of logits has to lie in memory.

use super::softmax::log_softmax;

/// Description of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricInfo {
    /// Name in records.
    pub name: &'static str,
    /// Unit; a fraction in `[0, 1]` has none.
    pub unit: Option<&'static str>,
    /// Direction of improvement.
    pub better: Better,
}

/// Direction of improvement of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A larger value is better.
    Higher,
    /// A smaller value is better.
    Lower,
}

/// One figure over a set, computed from its batches.
pub trait Metric: Send {
    /// Name, unit and direction.
    fn info(&self) -> MetricInfo;

    /// Adds the rows of a batch.
    fn update(&mut self, rows: &Rows<'_>);

    /// Everything that the value is made of, such that sums of several processes can be added.
    fn sums(&mut self) -> &mut [f64];

    /// Value over all rows so far; NaN without any.
    fn value(&self) -> f64;
}

/// Rows of a batch: logits, the class of each, and the teacher's logits where there is one.
#[derive(Debug)]
pub struct Rows<'a> {
    logits: &'a [f32],
    classes: usize,
    targets: &'a [i32],
    teacher: Option<&'a [f32]>,
    log_p: Vec<Vec<f64>>,
}

/// One of the [`Rows`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Logits, `[classes]`.
    pub logits: &'a [f32],
    /// Log probabilities, `[classes]`, in double precision.
    pub log_p: &'a [f64],
    /// The right class.
    pub target: usize,
    /// The teacher's logits, `[classes]`.
    pub teacher: Option<&'a [f32]>,
}

impl<'a> Rows<'a> {
    /// Rows of `classes` logits with their right classes, and the teacher's rows for the same samples.
    ///
    /// # Panics
    /// Unless there are `classes` logits, and as many of the teacher, for each target.
    pub fn new(
        logits: &'a [f32],
        classes: usize,
        targets: &'a [i32],
        teacher: Option<&'a [f32]>,
    ) -> Self {
        let expected = targets.len() * classes;
        assert_eq!(logits.len(), expected, "one row for each target");
        assert!(teacher.is_none_or(|own| own.len() == expected), "one of the teacher's for each");
        let log_p = logits.chunks_exact(classes.max(1)).map(log_softmax).collect();
        Self { logits, classes, targets, teacher, log_p }
    }

    /// Each row.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.targets.len()).map(|at| {
            let own = at * self.classes..(at + 1) * self.classes;
            Row {
                logits: &self.logits[own.clone()],
                log_p: &self.log_p[at],
                target: self.targets[at] as usize,
                teacher: self.teacher.map(|teacher| &teacher[own]),
            }
        })
    }
}

impl Row<'_> {
    /// Classes that come before the right one; of equal logits the first class wins.
    pub fn rank(&self) -> usize {
        rank(self.logits, self.target)
    }
}

/// How many classes come before `class`; of equal logits the first class wins.
pub(super) fn rank(row: &[f32], class: usize) -> usize {
    let own = row[class];
    // A NaN is never right.
    if own.is_nan() {
        return row.len();
    }
    let logits = row.iter().enumerate();
    logits.filter(|(other, z)| **z > own || (**z == own && *other < class)).count()
}

/// The likeliest class; of equal logits the first.
pub(super) fn likeliest(row: &[f32]) -> usize {
    (0..row.len()).find(|class| rank(row, *class) == 0).unwrap_or(0)
}
