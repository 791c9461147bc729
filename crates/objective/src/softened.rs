//! Softened distributions: the one place where T² and the batch mean stand.

use burn::tensor::{Tensor, activation::log_softmax};

use crate::ConfigError;

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
    times_temperature_squared(batch_mean(divergence(log_teacher, log_student)), temperature)
}

/// The factor T², which keeps the size of gradients of softened outputs when T changes.
pub(crate) fn times_temperature_squared(loss: Tensor<1>, temperature: f64) -> Tensor<1> {
    loss * (temperature * temperature)
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

/// Refuses a temperature beyond which T² or the softened logits leave the range of single precision.
pub(crate) fn check_temperature(temperature: f64) -> Result<f64, ConfigError> {
    match (1e-4..=1e6).contains(&temperature) {
        true => Ok(temperature),
        false => {
            let expected = "a number above 0, from 0.0001 to 1000000";
            Err(ConfigError::new("temperature", temperature, expected))
        }
    }
}

/// Mean over the batch of one value a sample, `[batch, 1]` to `[1]`.
pub(crate) fn batch_mean(per_sample: Tensor<2>) -> Tensor<1> {
    per_sample.mean()
}
