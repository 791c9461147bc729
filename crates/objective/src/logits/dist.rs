//! Relations in place of values (DIST): correlations of predictions, over classes and over samples.
//!
//! L = T² · [ β·(1 − mean_b ρ(p_s(b,·), p_t(b,·))) + γ·(1 − mean_c ρ(p_s(·,c), p_t(·,c))) ]
//!
//! ρ: Pearson's correlation, p = softmax(z / T). A student may be as wrong as it likes about scale and
//! shift, as long as it ranks classes, and samples within a class, as its teacher does.
//!
//! Needs: student and teacher logits. Paper: Huang et al. 2022, arXiv:2205.10536, section 4. Reference:
//! `DIST_KD`, which adds ε = 1e-8 to the product of the norms, so that a network does not agree with
//! itself: the norms of probabilities are small. Here ε² stands under the root, which shows in the sixth
//! digit. A constant row or column has correlation 0, and a finite gradient.

use burn::tensor::Tensor;

use crate::{
    ConfigError, Inputs, Schedule, SignalError, Term, TermInfo,
    config::{check_factors, config},
    formula,
    series::change,
    softened::Softening,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "dist",
    formula: "T²·(β·(1 − mean_b ρ_rows) + γ·(1 − mean_c ρ_columns))",
    needs: "teacher logits",
    source: "Huang et al. 2022, arXiv:2205.10536 (DIST)",
};

config! {
    /// Configuration of [`Dist`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
    /// | `inter` | 1 | `[0, 1e9]` |
    /// | `intra` | 1 | `[0, 1e9]` |
    /// | `standardise` | false | |
    /// | `weight` | 2 | `[0, ∞)` |
    DistConfig {
        /// Softening temperature T: 4 for CIFAR, 1 for ImageNet in the paper.
        temperature: Schedule = Schedule::constant(4.0),
        /// Factor β of the relations among classes.
        inter: f64 = 1.0,
        /// Factor γ of the relations among samples.
        intra: f64 = 1.0,
        standardise,
        weight = 2.0,
    }
}

impl DistConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range, and for two factors of zero.
    pub fn build(&self) -> Result<Dist, ConfigError> {
        let Self { temperature, inter, intra, standardise, .. } = *self;
        check_factors([("inter", inter), ("intra", intra)])?;
        Ok(Dist { softening: Softening::new(temperature, standardise)?, inter, intra })
    }
}

/// One minus the correlations of both outputs.
#[derive(Debug, Clone)]
pub struct Dist {
    softening: Softening,
    inter: f64,
    intra: f64,
}

impl Term for Dist {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn formula(&self) -> String {
        let [inter, intra] = [self.inter, self.intra].map(formula::weight);
        format!("T²·({inter}·inter + {intra}·intra)({})", self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let softened = self.softening.of_both(signals, INFO.name)?;
        let both @ [student, ..] = &softened.deviations();
        let rows = signals.mask().map(|mask| mask.float().cast(student.dtype()).unsqueeze_dim(0));
        let inter = signals.mean(uncorrelated(both.clone(), None));
        let intra = uncorrelated(both.clone().map(Tensor::transpose), rows).mean();
        let sum = inter * self.inter + intra * self.intra;
        Ok(self.softening.times_square(signals, sum))
    }
}

/// Its square stands under the root of the norms' product, for rows that do not vary.
const EPSILON: f64 = 1e-8;

/// One minus the correlation of each row of two matrices, whose difference is known to more digits than theirs,
/// `[rows, columns]` to `[rows, 1]`; of the columns where `counts`, `[1, columns]`, is 1.
///
/// One minus a number near one cancels. Half the squared distance of unit vectors does not, nor does the gradient of
/// −ρ made of it.
fn uncorrelated(rows: [Tensor<2>; 3], counts: Option<Tensor<2>>) -> Tensor<2> {
    let [tracked, b, apart] = rows.map(|x| centred(x, counts.as_ref()));
    let a = tracked.clone().detach();
    let [a_norm, b_norm] = [&a, &b].map(|x| x.clone().powi_scalar(2).sum_dim(1).sqrt());
    let product = a_norm.clone() * b_norm.clone();
    let norms = (product.clone().powi_scalar(2) + EPSILON * EPSILON).sqrt();

    // b̂ − â of vectors with norm 1: (b − a)/‖a‖ − b·(‖b‖ − ‖a‖)/(‖a‖·‖b‖). A row of zeros has none.
    let longer = (apart.clone() * (a.clone() + b.clone())).sum_dim(1)
        / (a_norm.clone() + b_norm.clone()).clamp_min(SMALLEST);
    let apart = (apart - b.clone() * (longer / b_norm.clone().clamp_min(SMALLEST)))
        / a_norm.clone().clamp_min(SMALLEST);
    let one_less_cosine = apart.clone().powi_scalar(2).sum_dim(1) * 0.5;
    let damping = norms.clone().powi_scalar(2).recip() * (EPSILON * EPSILON);
    let shrunk = (norms.clone() + product.clone()).recip() * (EPSILON * EPSILON);
    let value = (product * one_less_cosine.clone() + shrunk) / norms.clone();

    let unit = a / a_norm.clamp_min(SMALLEST);
    let cosine = -one_less_cosine.clone() + 1.0;
    let toward = apart + unit * (one_less_cosine + cosine * damping);
    value - (change(tracked) * toward * (b_norm / norms)).sum_dim(1)
}

/// Divisors are never below: what is divided is zero there.
const SMALLEST: f64 = 1e-30;

/// Rows minus their means, those of the columns where `counts` is 1.
fn centred(x: Tensor<2>, counts: Option<&Tensor<2>>) -> Tensor<2> {
    let Some(counts) = counts else { return x.clone() - x.mean_dim(1) };
    let columns = counts.clone().sum_dim(1).clamp_min(1.0);
    let mean = (x.clone() * counts.clone()).sum_dim(1) / columns;
    (x - mean) * counts.clone()
}
