//! Softened distributions: the one place where T² stands.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::{ConfigError, Schedule, SignalError, Signals};

/// `log softmax(z / T)` over the classes, in log space.
///
/// # Shapes
/// - `logits`: `[batch, classes]`
/// - output: `[batch, classes]`, in nats
pub fn log_softmax_at(logits: Tensor<2>, temperature: f64) -> Tensor<2> {
    log_softmax(logits / temperature, 1)
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
    let log_student = log_softmax_at(student, temperature);
    let log_teacher = log_softmax_at(teacher, temperature);
    divergence(log_teacher, log_student).mean() * (temperature * temperature)
}

/// Logits with mean 0 and deviation 1 in each row: `(z − mean) / std`, `[batch, classes]`.
///
/// Logit standardisation (Sun et al. 2024, arXiv:2403.01427, equation 6): the student learns how classes
/// relate and not how large the teacher's logits are. The deviation is the unbiased one; 1e-7 of the
/// reference `logit-standardization-KD` stands under the root here, squared, which keeps the gradient of
/// equal logits finite.
pub fn standardise(logits: Tensor<2>) -> Tensor<2> {
    let [_, classes] = logits.dims();
    let centred = logits.clone() - logits.mean_dim(1);
    let variance = centred.clone().powi_scalar(2).sum_dim(1) / (classes.max(2) - 1) as f64;
    centred / (variance + 1e-14).sqrt()
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

    /// Log distributions of student and teacher, `[batch, classes]` each.
    pub(crate) fn of_both(
        &self,
        signals: &Signals,
        term: &'static str,
    ) -> Result<(Tensor<2>, Tensor<2>), SignalError> {
        let softened = |logits: Tensor<2>| {
            let logits = if self.standardise { standardise(logits) } else { logits };
            log_softmax_at(logits, self.temperature.at(signals.epoch()))
        };
        Ok((softened(signals.student_logits()), softened(signals.teacher_logits(term)?)))
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

    /// Standardised logits of two classes are the same whatever the network says.
    pub(crate) fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
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

/// `Σ_c p (log p − log q)` of each row, both given as logarithms, `[batch, classes]` to `[batch, 1]`.
pub(crate) fn divergence(log_p: Tensor<2>, log_q: Tensor<2>) -> Tensor<2> {
    (log_p.clone().exp() * (log_p - log_q)).sum_dim(1)
}

/// `log Σ_c exp(x)` of each row, `[batch, classes]` to `[batch, 1]`.
pub(crate) fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let largest = x.clone().detach().max_dim(1);
    (x - largest.clone()).exp().sum_dim(1).log() + largest
}

/// `log(exp(a) + exp(b))` of each pair.
pub(crate) fn log_add_exp(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let largest = a.clone().detach().max_pair(b.clone().detach());
    ((a - largest.clone()).exp() + (b - largest.clone()).exp()).log() + largest
}

/// Log of a probability that is none: far below every logit that `f32` can soften, and finite, so
/// that differences and gradients stay numbers.
pub(crate) const NOTHING: f32 = -1e30;
