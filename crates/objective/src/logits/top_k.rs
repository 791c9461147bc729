//! Soft targets of the teacher's k most probable classes, and what becomes of the remaining mass.
//!
//! L = T² · mean_b KL(q_t‖q_s)   [nats], where q is made of p = softmax(z / T) and the classes K, the k largest logits
//! of the teacher:
//!
//! - `bucket`: the k classes, and all others together as one: q = (p(K), 1 − Σ p(K));
//! - `renormalise`: the k classes among themselves: q = p(K) / Σ p(K);
//! - `uniform`: the teacher's remaining mass evenly over the other classes, against the student's whole distribution.
//!
//! Needs: student and teacher logits. For teachers with very many classes, and for stored outputs. `bucket`
//! is a lower bound of soft targets over all classes and equals them for k = C − 1; `renormalise` says
//! nothing about the other classes, which the student may then raise; `uniform` is what TinyViT (Wu et al.
//! 2022, arXiv:2207.10666, section 3.1) trains with.

use burn::tensor::{IndexingUpdateOp, Tensor, activation::log_softmax};
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo,
    config::config,
    softened::{NOTHING, Softening, divergence, log_sum_exp},
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "top-k",
    formula: "T²·mean_b KL(q_t‖q_s),  q: the teacher's k largest classes and the rest",
    needs: "teacher logits, more than k classes",
    source: "Wu et al. 2022, arXiv:2207.10666 (TinyViT)",
};

/// What becomes of the probability outside of the k classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Remainder {
    /// It stands as one further class.
    #[default]
    Bucket,
    /// It is left out, by both networks.
    Renormalise,
    /// The teacher's is spread evenly over the other classes.
    Uniform,
}

config! {
    /// Configuration of [`TopK`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `k` | 5 | from 1 (2 for `renormalise`) to one less than there are classes |
    /// | `remainder` | `bucket` | `bucket`, `renormalise`, `uniform` |
    /// | `temperature` | 4 | `[0.0001, 1000000]`, no unit |
    /// | `standardise` | false | |
    /// | `weight` | 1 | `[0, ∞)` |
    TopKConfig {
        /// Classes of the teacher that count by themselves.
        k: usize = 5,
        /// What becomes of the others.
        remainder: Remainder = Remainder::Bucket,
        temperature = 4.0,
        standardise,
        weight = 1.0,
    }
}

impl TopKConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<TopK, ConfigError> {
        let Self { k, remainder, temperature, standardise, .. } = *self;
        if k == 0 {
            return Err(ConfigError::new("k", k, "at least 1"));
        }
        if k == 1 && remainder == Remainder::Renormalise {
            return Err(ConfigError::new("k", k, "at least 2 where they are renormalised"));
        }
        Ok(TopK { k, remainder, softening: Softening::new(temperature, standardise)? })
    }
}

/// Soft targets of the teacher's most probable classes.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    remainder: Remainder,
    softening: Softening,
}

impl Term for TopK {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn formula(&self) -> String {
        let remainder = match self.remainder {
            Remainder::Bucket => "bucket",
            Remainder::Renormalise => "renormalise",
            Remainder::Uniform => "uniform",
        };
        format!("T²·KL(top {}, {remainder}; {})", self.k, self.softening.formula())
    }

    fn needs_teacher(&self) -> bool {
        true
    }

    fn check_classes(&self, classes: usize) -> Result<(), ConfigError> {
        if self.k >= classes {
            let expected = format!("less than the {classes} classes, else use `soft-targets`");
            return Err(ConfigError::new("k", self.k, expected));
        }
        self.softening.check_classes(classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let (student, teacher) = self.softening.of_both(signals, INFO.name)?;
        let [batch, classes] = teacher.dims();
        let (_, top) = teacher.clone().topk_with_indices(self.k, 1);
        let of_top = |log_p: Tensor<2>| log_p.gather(1, top.clone());
        let is_top = || {
            let device = top.device();
            let ones = Tensor::<2>::ones([batch, self.k], &device);
            let none = Tensor::<2>::zeros([batch, classes], &device);
            none.scatter(1, top.clone(), ones, IndexingUpdateOp::Add).greater_elem(0.5)
        };
        let per_row = match self.remainder {
            Remainder::Renormalise => {
                divergence(log_softmax(of_top(teacher.clone()), 1), log_softmax(of_top(student), 1))
            }
            Remainder::Bucket => {
                let is_top = is_top();
                let with_rest = |log_p: Tensor<2>| {
                    let rest = log_sum_exp(log_p.clone().mask_fill(is_top.clone(), NOTHING));
                    Tensor::cat(vec![of_top(log_p), rest], 1)
                };
                divergence(with_rest(teacher.clone()), with_rest(student))
            }
            Remainder::Uniform => {
                let is_top = is_top();
                let rest = log_sum_exp(teacher.clone().mask_fill(is_top.clone(), NOTHING));
                let each = rest - ((classes - self.k) as f64).ln();
                let even = each.expand([batch, classes]).mask_where(is_top, teacher.clone());
                divergence(even, student)
            }
        };
        Ok(self.softening.mean(signals, per_row))
    }
}
