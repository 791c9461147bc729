//! Two softened distributions over the same classes, and how far they are apart.
//!
//! `Σ p log(p/q)` is a small sum of large parts where both are nearly the same, and T² times its rounding is more than
//! its value at a high temperature. It is `Σ p·(e^−d − 1 + d)` as well, with d = log p − log q: parts that are never
//! negative, and small where d is. So each divergence is computed from differences d, which are taken between logits and
//! not between logarithms of probabilities. Its gradient is that of the definition: `p·d` for log p, `q − p` for log q.

use burn::tensor::{Bool, IndexingUpdateOp, Int, Tensor, activation::log_softmax};

use self::Side::{Constant, Learnt};
use crate::series::{NEAR, change, exp_m1, exp_remainder, ln_1p};

/// Log of a probability that is none: far below every logit that can be softened, and finite, so that differences
/// and gradients stay numbers.
pub(crate) const NOTHING: f64 = -1e30;

/// Logits over the temperature of both networks, each row shifted so that its largest is 0, `[batch, classes]`.
#[derive(Debug, Clone)]
pub(crate) struct Softened {
    student: Tensor<2>,
    teacher: Tensor<2>,
    /// The teacher's minus the student's, without a gradient: the difference of two logits is exact where they are
    /// near each other.
    excess: Tensor<2>,
}

impl Softened {
    pub(crate) fn new(student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Self {
        let (ours, theirs) = (student.clone().detach(), teacher.clone().detach());
        let apart = theirs.clone() - ours.clone();
        let largest = ours.clone().max_dim(1);
        let (their_largest, likeliest) = theirs.max_dim_with_indices(1);
        // What the shifts add to the difference, exact where both networks have one likeliest class.
        let shift = apart.clone().gather(1, likeliest.clone());
        let shift = shift - (largest.clone() - ours.gather(1, likeliest));
        let excess = (apart - shift) / temperature;
        // The gradient of a division by a number is in single precision.
        let per_temperature = temperature.recip();
        Self {
            student: (student - largest) * per_temperature,
            teacher: (teacher - their_largest) * per_temperature,
            excess,
        }
    }

    /// Of some classes alone, `[batch, k]`.
    pub(crate) fn of(&self, classes: &Tensor<2, Int>) -> Self {
        let of = |x: &Tensor<2>| x.clone().gather(1, classes.clone());
        Self { student: of(&self.student), teacher: of(&self.teacher), excess: of(&self.excess) }
    }

    /// Without the classes of `left_out`, `[batch, classes]`, whose probability is none.
    pub(crate) fn without(&self, left_out: &Tensor<2, Bool>) -> Self {
        let without = |x: &Tensor<2>| x.clone().mask_fill(left_out.clone(), NOTHING);
        Self {
            student: without(&self.student),
            teacher: without(&self.teacher),
            excess: self.excess.clone().mask_fill(left_out.clone(), 0.0),
        }
    }

    /// Of some classes, `[batch, k]`, and of all others together, those outside `is_one`: `[batch, k + 1]`.
    pub(crate) fn with_rest(&self, classes: &Tensor<2, Int>, is_one: &Tensor<2, Bool>) -> Self {
        let (some, rest) = (self.of(classes), self.without(is_one));
        let [student, teacher] = [&rest.student, &rest.teacher].map(|x| log_sum_exp(x.clone()));
        let plain = (teacher.clone() - student.clone()).detach();
        let among = log_softmax(rest.student.detach(), 1).exp();
        let exact = ln_1p((among * exp_m1(rest.excess.clone())).sum_dim(1));
        let excess = plain.mask_where(is_near(&rest.excess), exact);
        let join = |some, rest| Tensor::cat(vec![some, rest], 1);
        Self {
            student: join(some.student, student),
            teacher: join(some.teacher, teacher),
            excess: join(some.excess, excess),
        }
    }

    /// The same with the teacher's probability spread evenly over the `others` classes outside `is_top`.
    pub(crate) fn even_beyond(&self, is_top: &Tensor<2, Bool>, others: usize) -> Self {
        let teacher = self.teacher.clone();
        let rest = log_sum_exp(teacher.clone().mask_fill(is_top.clone(), NOTHING));
        let others = others as f64;
        let small = teacher.clone().mask_fill(is_top.clone(), 0.0);
        let exact = ln_1p(exp_m1(small.clone()).sum_dim(1) / others);
        let even = (rest - others.ln()).mask_where(is_near(&small), exact);
        let even = even.expand(teacher.dims());
        let apart = even.clone() - self.student.clone().detach();
        Self {
            student: self.student.clone(),
            teacher: even.mask_where(is_top.clone(), teacher),
            excess: apart.mask_where(is_top.clone(), self.excess.clone()),
        }
    }

    /// Both log distributions.
    pub(crate) fn distributions(self) -> Distributions {
        let [student, teacher] = [self.student, self.teacher].map(|x| log_softmax(x, 1));
        let plain = teacher.clone().detach() - student.clone().detach();
        let moved = (student.clone().detach().exp() * exp_m1(self.excess.clone())).sum_dim(1);
        let near = is_near(&self.excess).expand(plain.dims());
        let gap = plain.mask_where(near, self.excess - ln_1p(moved));
        Distributions { student, teacher, gap }
    }

    /// Probabilities of student and teacher minus 1/classes, and the teacher's minus the student's without a gradient,
    /// `[batch, classes]` each.
    pub(crate) fn deviations(self) -> [Tensor<2>; 3] {
        let Distributions { student, teacher, gap } = self.clone().distributions();
        let apart = probabilities_apart(teacher, student, gap);
        [deviation(self.student), deviation(self.teacher), apart]
    }
}

/// Log distributions of both networks, `[batch, classes]`, with the difference between them.
#[derive(Debug, Clone)]
pub(crate) struct Distributions {
    student: Tensor<2>,
    teacher: Tensor<2>,
    /// log p_t − log p_s, without a gradient.
    gap: Tensor<2>,
}

impl Distributions {
    /// `KL(p_t‖p_s)` of each row, `[batch, 1]`.
    pub(crate) fn kl(self) -> Tensor<2> {
        divergence(Constant(self.teacher), Learnt(self.student), self.gap)
    }

    /// `KL(p_s‖p_t)` of each row, `[batch, 1]`.
    pub(crate) fn reverse_kl(self) -> Tensor<2> {
        divergence(Learnt(self.student), Constant(self.teacher), -self.gap)
    }

    /// `−Σ_c p_t log p_s` of each row, `[batch, 1]`.
    pub(crate) fn cross_entropy(self) -> Tensor<2> {
        let log_q = self.student.clone().detach();
        let value = -(self.teacher.clone().exp() * log_q).sum_dim(1).detach();
        // They differ by the teacher's entropy, which is constant, and the divergence's gradient does not cancel.
        value + change(self.kl())
    }

    /// `KL(p_t‖m)` of each row for m = `share`·p_t + (1 − `share`)·p_s, `[batch, 1]`.
    pub(crate) fn kl_to_mixture(self, share: f64) -> Tensor<2> {
        to_mixture(self.teacher, self.student, self.gap, share)
    }

    /// `KL(p_s‖m)` of each row for m = `share`·p_s + (1 − `share`)·p_t, `[batch, 1]`.
    pub(crate) fn reverse_kl_to_mixture(self, share: f64) -> Tensor<2> {
        to_mixture(self.student, self.teacher, -self.gap, share)
    }
}

/// A log distribution, of which a gradient is wanted or not.
enum Side {
    Learnt(Tensor<2>),
    Constant(Tensor<2>),
}

impl Side {
    fn probabilities(&self) -> Tensor<2> {
        let (Learnt(log) | Constant(log)) = self;
        log.clone().detach().exp()
    }

    /// `value` with the gradient `slope` with respect to it.
    fn with_slope(self, value: Tensor<2>, slope: impl FnOnce() -> Tensor<2>) -> Tensor<2> {
        match self {
            Learnt(log) => value + change(log) * slope(),
            Constant(_) => value,
        }
    }
}

/// `Σ_c p (log p − log q)` of each row, `[batch, classes]` to `[batch, 1]`; `gap` is log p − log q.
fn divergence(log_p: Side, log_q: Side, gap: Tensor<2>) -> Tensor<2> {
    let (p, q) = (log_p.probabilities(), log_q.probabilities());
    let (remainder, slope) = (exp_remainder(gap.clone()), p.clone() * gap.clone());
    let far = gap.clone().abs().greater_elem(NEAR);
    let apart = q - p.clone();
    let value =
        (p.clone() * remainder.clone()).mask_where(far.clone(), apart.clone() + slope.clone());
    let value = log_p.with_slope(value, || slope);
    let value = log_q.with_slope(value, || (p * (remainder - gap)).mask_where(far, apart));
    value.sum_dim(1)
}

/// `p − q` of log distributions, of which `gap` is the difference, without a gradient.
fn probabilities_apart(log_p: Tensor<2>, log_q: Tensor<2>, gap: Tensor<2>) -> Tensor<2> {
    let [p, q] = [log_p, log_q].map(|log| log.detach().exp());
    let far = gap.clone().abs().greater_elem(NEAR);
    let near = p.clone() * (gap.clone() - exp_remainder(gap));
    near.mask_where(far, p - q)
}

/// `KL(p‖m)` of each row for m = `share`·p + (1 − `share`)·q; `gap` is log p − log q.
fn to_mixture(log_p: Tensor<2>, log_q: Tensor<2>, gap: Tensor<2>, share: f64) -> Tensor<2> {
    let mixture = log_add_exp(log_p.clone() + share.ln(), log_q + (1.0 - share).ln());
    let plain = log_p.clone().detach() - mixture.clone().detach();
    let near = gap.clone().abs().lower_equal_elem(NEAR);
    let exact = -ln_1p(exp_m1(-gap) * (1.0 - share));
    divergence(Learnt(log_p), Learnt(mixture), plain.mask_where(near, exact))
}

/// Probabilities of scaled logits, the largest of which is 0, minus 1/classes.
fn deviation(scaled: Tensor<2>) -> Tensor<2> {
    let classes = scaled.dims()[1] as f64;
    let log_p = log_softmax(scaled.clone(), 1);
    let scaled = scaled.detach();
    let p = log_p.clone().detach().exp();
    let near = is_near(&scaled).expand(scaled.dims());
    let total = ln_1p(exp_m1(scaled.clone()).mean_dim(1));
    let exact = exp_m1(scaled - total) / classes;
    let value = (p.clone() - 1.0 / classes).mask_where(near, exact);
    value + change(log_p) * p
}

/// Logits that are never below what counts as no probability: a class may be at −∞, or at the lowest number of its
/// type. What is not a number stays so.
pub(crate) fn bounded(logits: Tensor<2>) -> Tensor<2> {
    let nothing = logits.clone().lower_elem(NOTHING);
    logits.mask_fill(nothing, NOTHING)
}

/// Which of the `classes` are among those of a row, `[batch, k]` to `[batch, classes]`.
pub(crate) fn one_of(of_rows: &Tensor<2, Int>, classes: usize) -> Tensor<2, Bool> {
    let ([batch, count], device) = (of_rows.dims(), of_rows.device());
    let ones = Tensor::<2>::ones([batch, count], &device);
    let none = Tensor::<2>::zeros([batch, classes], &device);
    none.scatter(1, of_rows.clone(), ones, IndexingUpdateOp::Add).greater_elem(0.5)
}

/// Whether a row is so near zero that differences to its mean are within the series, `[batch, 1]`.
fn is_near(rows: &Tensor<2>) -> Tensor<2, Bool> {
    rows.clone().abs().max_dim(1).lower_elem(NEAR / 2.0)
}

/// `log Σ_c exp(x)` of each row, `[batch, classes]` to `[batch, 1]`.
fn log_sum_exp(x: Tensor<2>) -> Tensor<2> {
    let largest = x.clone().detach().max_dim(1);
    (x - largest.clone()).exp().sum_dim(1).log() + largest
}

/// `log(exp(a) + exp(b))` of each pair.
fn log_add_exp(a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
    let largest = a.clone().detach().max_pair(b.clone().detach());
    ((a - largest.clone()).exp() + (b - largest.clone()).exp()).log() + largest
}
