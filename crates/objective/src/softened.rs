//! Softened distributions: the one place where T² stands.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::{
    ConfigError, Schedule, SignalError, Signals,
    distributions::{NOTHING, Softened, bounded},
};

/// `log softmax(z / T)` over the classes, in log space.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - output: `[batch, classes]`, in nats
pub fn log_softmax_at(logits: Tensor<2>, temperature: f64) -> Tensor<2> {
    log_softmax(logits * temperature.recip(), 1)
}

/// `T² · mean_b Σ_c p_t (log p_t − log p_s)` with `p = softmax(z / T)`, in nats.
///
/// The factor T² keeps the gradient's size when T changes (Hinton et al. 2015, section 2). The
/// mean is over the batch alone: PyTorch's `KLDivLoss(reduction="mean")` divides by the classes
/// too and is smaller by that factor.
///
/// # Shapes
/// - `student`, `teacher`: `[batch, classes]`
/// - output: `[1]`
pub fn soft_target_kl(student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let softened = Softened::new(bounded(student), bounded(teacher), temperature);
    softened.distributions().kl().mean() * (temperature * temperature)
}

/// Logits with mean 0 and deviation 1 in each row: `(z − mean) / std`, `[batch, classes]`.
///
/// Logit standardisation (Sun et al. 2024, arXiv:2403.01427, equation 6): the student learns how classes
/// relate and not how large the teacher's logits are. The deviation is the unbiased one; 1e-7 of the
/// reference `logit-standardization-KD` stands under the root here, squared, which keeps the gradient of
/// equal logits finite. Classes at −∞ stay there and count for neither mean nor deviation.
pub fn standardise(logits: Tensor<2>) -> Tensor<2> {
    let logits = bounded(logits);
    let nothing = logits.clone().lower_equal_elem(NOTHING);
    // 1 for a class that is there, else 0.
    let counts = logits.clone().detach().ones_like().mask_fill(nothing.clone(), 0.0);
    let classes = counts.clone().sum_dim(1);
    let mean = (logits.clone() * counts.clone()).sum_dim(1) / classes.clone().clamp_min(1.0);
    let centred = (logits - mean) * counts;
    let variance = centred.clone().powi_scalar(2).sum_dim(1) / (classes - 1.0).clamp_min(1.0);
    (centred / (variance + 1e-14).sqrt()).mask_fill(nothing, NOTHING)
}

/// How a term softens the outputs of both networks.
#[derive(Debug, Clone)]
pub(crate) struct Softening {
    temperature: Schedule,
    standardise: bool,
}

impl Softening {
    pub(crate) fn new(temperature: Schedule, standardise: bool) -> Result<Self, ConfigError> {
        temperature.check_temperature()?;
        Ok(Self { temperature, standardise })
    }

    /// Softened outputs of student and teacher, `[batch, classes]` each.
    pub(crate) fn of_both(
        &self,
        signals: &Signals,
        term: &'static str,
    ) -> Result<Softened, SignalError> {
        let logits = [signals.student_logits(term)?, signals.teacher_logits(term)?];
        let [student, teacher] =
            logits.map(|logits| if self.standardise { standardise(logits) } else { logits });
        Ok(Softened::new(student, teacher, self.temperature.at(signals.epoch())))
    }

    /// The mean of a value a row, times T²: it keeps the size of gradients of softened outputs when T
    /// changes.
    pub(crate) fn mean(&self, signals: &Signals, per_row: Tensor<2>) -> Tensor<1> {
        self.times_square(signals, signals.mean(per_row))
    }

    /// The factor T².
    pub(crate) fn times_square(&self, signals: &Signals, loss: Tensor<1>) -> Tensor<1> {
        loss * self.temperature.at(signals.epoch()).powi(2)
    }

    /// One class has nothing to be told from, and standardised logits of two are the same whatever the network says.
    pub(crate) fn check_classes(
        &self,
        term: &'static str,
        classes: usize,
    ) -> Result<(), ConfigError> {
        check_two_classes(term, classes)?;
        match self.standardise && classes < 3 {
            true => {
                let expected = "false for less than three classes: only signs would be left";
                Err(ConfigError::new("standardise", true, expected))
            }
            false => Ok(()),
        }
    }

    /// `T=4`, `T=2, z̃` where the logits are standardised.
    pub(crate) fn formula(&self) -> String {
        let temperature = self.temperature.formula(|value| value.to_string());
        format!("T={temperature}{}", if self.standardise { ", z̃" } else { "" })
    }
}

/// Refuses a distribution over one class: its loss is 0 whatever the network says.
pub(crate) fn check_two_classes(term: &'static str, classes: usize) -> Result<(), ConfigError> {
    if classes < 2 {
        let expected =
            format!("a term for logits of {classes} class: this one compares at least two");
        return Err(ConfigError::new("term", term, expected));
    }
    Ok(())
}
