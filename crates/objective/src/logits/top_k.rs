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

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    ConfigError, Inputs, SignalError, Term, TermInfo, config::config, distributions::one_of,
    softened::Softening,
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
        self.softening.check_classes(INFO.name, classes)
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let softened = self.softening.of_both(signals, INFO.name)?;
        let teacher = signals.teacher_logits(INFO.name)?;
        let [_, classes] = teacher.dims();
        let (_, top) = teacher.topk_with_indices(self.k, 1);
        let compared = match self.remainder {
            Remainder::Renormalise => softened.of(&top),
            Remainder::Bucket => softened.with_rest(&top, &one_of(&top, classes)),
            Remainder::Uniform => softened.even_beyond(&one_of(&top, classes), classes - self.k),
        };
        Ok(self.softening.mean(signals, compared.distributions().kl()))
    }
}
