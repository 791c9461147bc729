//! Softened distributions: the one place where T² and the batch mean stand.

use burn::tensor::{Tensor, activation::log_softmax};

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
    let divergence = log_teacher.clone().exp() * (log_teacher - log_student);
    batch_mean(divergence.sum_dim(1)) * (temperature * temperature)
}

/// Mean over the batch of one value a sample, `[batch, 1]` to `[1]`.
pub(crate) fn batch_mean(per_sample: Tensor<2>) -> Tensor<1> {
    per_sample.mean()
}
