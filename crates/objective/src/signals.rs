//! Signals: the logits, labels and features of one batch.

use burn::tensor::{Bool, DType, Device, FloatDType, Int, Tensor};

use crate::{Contrast, Features, SignalError, TapShape};

/// What a loss may look at for one batch.
///
/// Whatever a network computes in, losses compute in single precision: half precision is widened here.
#[derive(Debug, Clone)]
pub struct Signals {
    student_logits: Tensor<2>,
    teacher_logits: Option<Tensor<2>>,
    labels: Tensor<1, Int>,
    epoch: usize,
    mask: Option<Tensor<1, Bool>>,
    weights: Option<Tensor<1>>,
    features: [Features; 2],
    contrast: Option<Contrast>,
}

impl Signals {
    /// Signals of a student that learns from labels alone.
    ///
    /// # Shapes
    /// - `student_logits`: `[batch, classes]`
    /// - `labels`: `[batch]`, each below `classes`
    ///
    /// # Errors
    /// [`SignalError::Rows`] unless there is one label a row. The labels' values are not read: that
    /// would wait for the device in every step.
    pub fn new(student_logits: Tensor<2>, labels: Tensor<1, Int>) -> Result<Self, SignalError> {
        let [rows, _] = student_logits.dims();
        one_a_row("labels", rows, labels.dims()[0])?;
        Ok(Self {
            student_logits: single(student_logits),
            teacher_logits: None,
            labels,
            epoch: 1,
            mask: None,
            weights: None,
            features: Default::default(),
            contrast: None,
        })
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

    /// The same signals with the teacher's logits, cut off from any gradient.
    ///
    /// # Shapes
    /// - `teacher_logits`: `[batch, classes]`, the student's shape
    ///
    /// # Errors
    /// [`SignalError::TeacherShape`] where the shapes differ.
    pub fn with_teacher(mut self, teacher_logits: Tensor<2>) -> Result<Self, SignalError> {
        let (student, teacher) = (self.student_logits.dims(), teacher_logits.dims());
        if student != teacher {
            return Err(SignalError::TeacherShape { student, teacher });
        }
        self.teacher_logits = Some(self.without_ignored(single(teacher_logits.detach())));
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
        one_a_row("entries of the mask", self.rows(), mask.dims()[0])?;
        self.labels = self.labels.mask_fill(mask.clone().bool_not(), 0);
        self.mask = Some(mask);
        self.student_logits = self.without_ignored(self.student_logits.clone());
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
        one_a_row("sample weights", self.rows(), weights.dims()[0])?;
        self.weights = Some(single(weights.detach()));
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
    pub fn student_logits(&self) -> Tensor<2> {
        self.student_logits.clone()
    }

    /// The teacher's logits, `[batch, classes]`, without a gradient.
    ///
    /// # Errors
    /// [`SignalError::NoTeacher`] where there is no teacher, with the name of the asking `term`.
    pub fn teacher_logits(&self, term: &'static str) -> Result<Tensor<2>, SignalError> {
        self.teacher_logits.clone().ok_or(SignalError::NoTeacher { term })
    }

    /// The labels, `[batch]`.
    pub fn labels(&self) -> Tensor<1, Int> {
        self.labels.clone()
    }

    /// The epoch, from 1.
    pub fn epoch(&self) -> usize {
        self.epoch
    }

    /// Features of student and teacher under a pair of names, each `[batch, channels, height, width]`; of a sequence
    /// `[batch, width, 1, places]`.
    ///
    /// # Errors
    /// [`SignalError::NoFeatures`] where there are none of this name.
    pub fn features(&self, pair: &[String; 2]) -> Result<[Tensor<4>; 2], SignalError> {
        let [student, teacher] = &self.features;
        Ok([student.get(&pair[0], "student")?, teacher.get(&pair[1], "teacher")?])
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
        let column = |values: Tensor<1>| values.unsqueeze_dim::<2>(1);
        let weighted = match &self.weights {
            Some(weights) => per_row * column(weights.clone()),
            None => per_row,
        };
        match &self.mask {
            None => weighted.mean(),
            Some(mask) => {
                let counts = mask.clone().float();
                let rows = counts.clone().sum().clamp_min(1.0);
                (weighted * column(counts)).sum() / rows
            }
        }
    }

    /// The device of the student's logits.
    pub fn device(&self) -> Device {
        self.student_logits.device()
    }

    fn rows(&self) -> usize {
        self.student_logits.dims()[0]
    }

    /// Logits with zeros in the rows that do not count: what stands there may be no number at all.
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

fn one_a_row(what: &'static str, rows: usize, count: usize) -> Result<(), SignalError> {
    if count == rows { Ok(()) } else { Err(SignalError::Rows { what, rows, count }) }
}

/// In single precision at the least: squares and exponents leave the range of half precision.
fn single<const D: usize>(tensor: Tensor<D>) -> Tensor<D> {
    match tensor.dtype() {
        DType::F16 | DType::BF16 => tensor.cast(FloatDType::F32),
        _ => tensor,
    }
}
