use burn::tensor::{Int, Tensor};

use crate::SignalError;

/// What a loss may look at for one batch.
#[derive(Debug, Clone)]
pub struct Signals {
    student_logits: Tensor<2>,
    teacher_logits: Option<Tensor<2>>,
    labels: Tensor<1, Int>,
}

impl Signals {
    /// Signals of a student that learns from labels alone.
    ///
    /// # Shapes
    /// - `student_logits`: `[batch, classes]`
    /// - `labels`: `[batch]`, each below `classes`
    ///
    /// # Errors
    /// [`SignalError::LabelCount`] unless there is one label a row. The labels' values are not
    /// read: that would wait for the device in every step.
    pub fn new(student_logits: Tensor<2>, labels: Tensor<1, Int>) -> Result<Self, SignalError> {
        let [batch, _] = student_logits.dims();
        let [count] = labels.dims();
        if count != batch {
            return Err(SignalError::LabelCount { batch, labels: count });
        }
        Ok(Self { student_logits, teacher_logits: None, labels })
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
        self.teacher_logits = Some(teacher_logits.detach());
        Ok(self)
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
}
