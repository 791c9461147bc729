//! Signals: the logits, labels and features of one batch.

use burn::tensor::{Bool, DType, Device, FloatDType, Int, Tensor};

use crate::{Contrast, Features, SignalError, TapShape, distributions::bounded};

/// What a loss may look at for one batch.
///
/// Losses compute in single precision, and in double precision where the student's tensors have it: half precision is
/// widened here, and what stands beside the student's tensors is brought to their type.
#[derive(Debug, Clone)]
pub struct Signals {
    student_logits: Option<Tensor<2>>,
    teacher_logits: Option<Tensor<2>>,
    labels: Option<Tensor<1, Int>>,
    in_range: bool,
    epoch: usize,
    mask: Option<Tensor<1, Bool>>,
    weights: Option<Tensor<1>>,
    features: [Features; 2],
    contrast: Option<Contrast>,
}

impl Signals {
    /// Signals of a student that learns from labels alone, in the first epoch.
    ///
    /// # Shapes
    /// - `student_logits`: `[batch, classes]`; a class at −∞ has no probability
    /// - `labels`: `[batch]`, each below `classes`
    ///
    /// # Errors
    /// [`SignalError::Rows`] unless there is one label a row.
    pub fn new(student_logits: Tensor<2>, labels: Tensor<1, Int>) -> Result<Self, SignalError> {
        Self::of_logits(student_logits).with_labels(labels)
    }

    /// Signals of a student without labels.
    ///
    /// # Shapes
    /// - `student_logits`: `[batch, classes]`
    pub fn of_logits(student_logits: Tensor<2>) -> Self {
        let student_logits = Some(bounded(single(student_logits)));
        Self { student_logits, ..Self::empty() }
    }

    /// Signals of features alone, for objectives whose terms compare nothing else.
    pub fn of_features(student: impl Into<Features>, teacher: impl Into<Features>) -> Self {
        Self::empty().with_features(student.into(), teacher.into())
    }

    fn empty() -> Self {
        Self {
            student_logits: None,
            teacher_logits: None,
            labels: None,
            in_range: false,
            epoch: 1,
            mask: None,
            weights: None,
            features: Default::default(),
            contrast: None,
        }
    }

    /// Signals of sequences: each position is a row, and only those of `mask` count.
    ///
    /// # Shapes
    /// - `student_logits`: `[batch, time, classes]`
    /// - `teacher_logits`: the same, where there is a teacher
    /// - `labels`: `[batch, time]`; at positions that do not count they may be anything, −100 too
    /// - `mask`: `[batch, time]`, true where the position counts
    ///
    /// # Errors
    /// [`SignalError`] where the shapes differ.
    pub fn of_sequences(
        student_logits: Tensor<3>,
        teacher_logits: Option<Tensor<3>>,
        labels: Tensor<2, Int>,
        mask: Tensor<2, Bool>,
    ) -> Result<Self, SignalError> {
        let flat = |logits: Tensor<3>| {
            let [batch, time, classes] = logits.dims();
            logits.reshape([batch * time, classes])
        };
        let signals = Self::new(flat(student_logits), labels.flatten(0, 1))?;
        let signals = signals.with_mask(mask.flatten(0, 1))?;
        match teacher_logits {
            Some(teacher) => signals.with_teacher(flat(teacher)),
            None => Ok(signals),
        }
    }

    /// The same signals with labels.
    ///
    /// # Shapes
    /// - `labels`: `[batch]`, each below the number of classes
    ///
    /// # Errors
    /// [`SignalError::Rows`] unless there is one label a row.
    pub fn with_labels(mut self, labels: Tensor<1, Int>) -> Result<Self, SignalError> {
        self.check_rows("labels", labels.dims()[0])?;
        self.labels = Some(match &self.mask {
            Some(mask) => labels.mask_fill(mask.clone().bool_not(), 0),
            None => labels,
        });
        Ok(self)
    }

    /// The same signals with the teacher's logits, cut off from any gradient.
    ///
    /// # Shapes
    /// - `teacher_logits`: `[batch, classes]`, the student's shape
    ///
    /// # Errors
    /// [`SignalError::TeacherShape`] where the shapes differ, [`SignalError::NoLogits`] where the student has none.
    pub fn with_teacher(mut self, teacher_logits: Tensor<2>) -> Result<Self, SignalError> {
        let student = self.student_logits("teacher")?;
        let (ours, theirs) = (student.dims(), teacher_logits.dims());
        if ours != theirs {
            return Err(SignalError::TeacherShape { student: ours, teacher: theirs });
        }
        let teacher = bounded(as_type(teacher_logits.detach(), student.dtype()));
        self.teacher_logits = Some(self.without_ignored(teacher));
        Ok(self)
    }

    /// The same signals of which only the rows of `mask` count: losses of logits are means over those.
    /// What the others hold reaches no loss and no gradient. Losses of features compare whole batches and
    /// know no mask.
    ///
    /// # Shapes
    /// - `mask`: `[batch]`, true where the row counts
    ///
    /// # Errors
    /// [`SignalError::Rows`] unless there is one entry a row.
    pub fn with_mask(mut self, mask: Tensor<1, Bool>) -> Result<Self, SignalError> {
        self.check_rows("entries of the mask", mask.dims()[0])?;
        self.labels = self.labels.map(|labels| labels.mask_fill(mask.clone().bool_not(), 0));
        self.mask = Some(mask);
        self.student_logits = self.student_logits.clone().map(|z| self.without_ignored(z));
        self.teacher_logits = self.teacher_logits.clone().map(|z| self.without_ignored(z));
        Ok(self)
    }

    /// The same signals with a weight for each row: a loss of logits is `mean_b w_b·L_b`. The weights are
    /// not normalised, and no gradient reaches them. DIST's comparison of samples knows no weights.
    ///
    /// # Shapes
    /// - `weights`: `[batch]`
    ///
    /// # Errors
    /// [`SignalError::Rows`] unless there is one weight a row.
    pub fn with_sample_weights(mut self, weights: Tensor<1>) -> Result<Self, SignalError> {
        self.check_rows("sample weights", weights.dims()[0])?;
        self.weights = Some(weights.detach());
        Ok(self)
    }

    /// The same signals with what both networks have at named places, the teacher's cut off from any
    /// gradient.
    #[must_use]
    pub fn with_features(mut self, student: Features, teacher: Features) -> Self {
        self.features = [student.map(single), teacher.map(|map| single(map.detach()))];
        self
    }

    /// The same signals with the places of the batch's samples, and of others, in the memory banks of
    /// a contrastive loss.
    #[must_use]
    pub fn with_contrast(mut self, contrast: Contrast) -> Self {
        self.contrast = Some(contrast);
        self
    }

    /// The same signals, whose labels and places in memory banks are known to be in range.
    /// [`Objective::evaluate`](crate::Objective::evaluate) does not read them then, for which it would wait for the
    /// device in every step.
    #[must_use]
    pub fn assume_in_range(mut self) -> Self {
        self.in_range = true;
        self
    }

    /// The same features and places outside of autodiff, for what is made of them once.
    pub(crate) fn without_autodiff(&self) -> Self {
        let plain = |features: &Features| features.clone().map(Tensor::without_autodiff);
        Self { features: [plain(&self.features[0]), plain(&self.features[1])], ..self.clone() }
    }

    /// The same signals in another epoch, from 1, which schedules of weights and temperatures look at.
    /// Where none is given it is the first.
    #[must_use]
    pub fn in_epoch(mut self, epoch: usize) -> Self {
        self.epoch = epoch;
        self
    }

    /// The student's logits, `[batch, classes]`.
    ///
    /// # Errors
    /// [`SignalError::NoLogits`] where there are none, with the name of the asking `term`.
    pub fn student_logits(&self, term: &'static str) -> Result<Tensor<2>, SignalError> {
        self.student_logits.clone().ok_or(SignalError::NoLogits { term })
    }

    /// The teacher's logits, `[batch, classes]`, without a gradient.
    ///
    /// # Errors
    /// [`SignalError::NoTeacher`] where there is no teacher, with the name of the asking `term`.
    pub fn teacher_logits(&self, term: &'static str) -> Result<Tensor<2>, SignalError> {
        self.teacher_logits.clone().ok_or(SignalError::NoTeacher { term })
    }

    /// The labels, `[batch]`.
    ///
    /// # Errors
    /// [`SignalError::NoLabels`] where there are none, with the name of the asking `term`.
    pub fn labels(&self, term: &'static str) -> Result<Tensor<1, Int>, SignalError> {
        self.labels.clone().ok_or(SignalError::NoLabels { term })
    }

    /// Number of classes of the logits, where there are logits.
    pub fn classes(&self) -> Option<usize> {
        self.student_logits.as_ref().map(|logits| logits.dims()[1])
    }

    /// The epoch, from 1.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// Features of student and teacher under a pair of names, each `[batch, channels, height, width]`; of a sequence
    /// `[batch, width, 1, places]`.
    ///
    /// # Errors
    /// [`SignalError::NoFeatures`] where there are none of this name, with the name of the asking `term`, and
    /// [`SignalError::FeatureBatch`] where they are of two batches.
    pub fn features(&self, term: &str, pair: &[String; 2]) -> Result<[Tensor<4>; 2], SignalError> {
        let [student, teacher] = &self.features;
        let student = student.get(&pair[0], term, "student")?;
        let teacher = as_type(teacher.get(&pair[1], term, "teacher")?, student.dtype());
        if student.dims().contains(&0) || teacher.dims().contains(&0) {
            return Err(SignalError::Empty);
        }
        check_batches(term, pair, [student.dims()[0], teacher.dims()[0]], self.rows())?;
        Ok([student, teacher])
    }

    /// Names and shapes of the features of student and teacher.
    pub fn feature_shapes(&self) -> [Vec<TapShape>; 2] {
        [self.features[0].shapes(), self.features[1].shapes()]
    }

    /// Places of samples in the memory banks.
    ///
    /// # Errors
    /// [`SignalError::NoContrast`] where there are none, with the name of the asking `term`.
    pub fn contrast(&self, term: &'static str) -> Result<&Contrast, SignalError> {
        self.contrast.as_ref().ok_or(SignalError::NoContrast { term })
    }

    /// Which rows count, where not all do.
    pub fn mask(&self) -> Option<Tensor<1, Bool>> {
        self.mask.clone()
    }

    /// Mean over the rows that count of one value each, times the row's weight, `[batch, 1]` to `[1]`.
    /// The one place where losses of logits become means.
    pub fn mean(&self, per_row: Tensor<2>) -> Tensor<1> {
        let dtype = per_row.dtype();
        let weighted = match &self.weights {
            Some(weights) => per_row * as_type(weights.clone(), dtype).unsqueeze_dim::<2>(1),
            None => per_row,
        };
        match &self.mask {
            None => weighted.mean(),
            Some(mask) => {
                let counts = as_type(mask.clone().float(), dtype);
                let rows = counts.clone().sum().clamp_min(1.0);
                (weighted * counts.unsqueeze_dim::<2>(1)).sum() / rows
            }
        }
    }

    /// The device of the student's tensors.
    pub fn device(&self) -> Device {
        let logits = self.student_logits.as_ref().map(Tensor::device);
        logits.or_else(|| self.features[0].device()).unwrap_or_default()
    }

    /// The type in which the student's features are compared.
    pub(crate) fn feature_type(&self) -> DType {
        self.features[0].dtype().unwrap_or(DType::F32)
    }

    /// Refuses what has no rows, and labels and places out of their range.
    pub(crate) fn check(&self) -> Result<(), SignalError> {
        if self.rows() == Some(0) || self.classes() == Some(0) {
            return Err(SignalError::Empty);
        }
        if let Some(contrast) = &self.contrast {
            contrast.check(self.in_range)?;
        }
        match (&self.labels, self.classes()) {
            (Some(labels), Some(classes)) if !self.in_range => check_labels(labels, classes),
            _ => Ok(()),
        }
    }

    /// Rows of logits, or samples that have features.
    fn rows(&self) -> Option<usize> {
        let logits = self.student_logits.as_ref().map(|logits| logits.dims()[0]);
        logits.or_else(|| self.features[0].batch())
    }

    fn check_rows(&self, what: &'static str, count: usize) -> Result<(), SignalError> {
        match self.rows() {
            Some(rows) if rows != count => Err(SignalError::Rows { what, rows, count }),
            _ => Ok(()),
        }
    }

    /// Logits with zeros in the rows that do not count: what stands there may be NaN.
    fn without_ignored(&self, logits: Tensor<2>) -> Tensor<2> {
        match &self.mask {
            None => logits,
            Some(mask) => {
                let shape = logits.dims();
                let ignored = mask.clone().bool_not().unsqueeze_dim::<2>(1).expand(shape);
                logits.mask_fill(ignored, 0.0)
            }
        }
    }
}

/// Rows of logits may be the places of sequences: several to a sample.
fn check_batches(
    term: &str,
    pair: &[String; 2],
    [student, teacher]: [usize; 2],
    rows: Option<usize>,
) -> Result<(), SignalError> {
    let fit = rows.is_none_or(|rows| rows % student == 0);
    if student == teacher && fit {
        return Ok(());
    }
    let [ours, theirs] = pair.clone();
    Err(SignalError::FeatureBatch {
        term: term.to_owned(),
        student: (ours, student),
        teacher: (theirs, teacher),
        rows,
    })
}

fn check_labels(labels: &Tensor<1, Int>, classes: usize) -> Result<(), SignalError> {
    let labels: Vec<i64> = labels.to_data().iter::<i64>().collect();
    let in_range = 0..classes as i64;
    match labels.iter().position(|label| !in_range.contains(label)) {
        Some(row) => Err(SignalError::Label { row, label: labels[row], classes }),
        None => Ok(()),
    }
}

/// In single precision at the least: squares and exponents leave the range of half precision.
fn single<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}

/// Values of another type brought to that of those beside them.
pub(crate) fn as_type<const D: usize>(tensor: Tensor<D>, dtype: DType) -> Tensor<D> {
    if tensor.dtype() == dtype { tensor } else { tensor.cast(dtype) }
}
