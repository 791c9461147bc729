//! Contrastive representation distillation (CRD): a student's embedding is to be near its teacher's of the
//! same sample, and far from those of samples of other classes.
//!
//! L = L_s + L_t,  L_x = −mean_b [ log h(P₊) + Σ_k log(1 − h(P_k)) ],  h(P) = P / (P + K/N),  P = exp(m·v_x/τ) / Z_x
//!
//! v: the features averaged over the map, through a linear layer of each network (both are trained), with
//! norm 1. m: embeddings by the *other* network of the sample itself and of K others, from a memory bank with
//! one row for each of the N training samples, which follows the embeddings: m ← (μ·m + (1 − μ)·v), with norm
//! 1. Z is N times the mean of exp(m·v/τ) in the first batch.
//!
//! Needs: features of both networks, places in the banks ([`Contrast`](crate::Contrast)). Paper: Tian et al.
//! 2020, arXiv:1910.10699, section 3. Reference: RepDistiller's `crd/`. It draws the K negatives without
//! replacement where it can; a [`Negatives`](crate::Negatives) draws with. Memory: two banks of N · `dim`
//! numbers, and batch · N for a step.

use burn::{
    module::Param,
    tensor::{IndexingUpdateOp, Int, Tensor},
};

use super::maps::{pooled, unit};
use crate::{
    ConfigError, Connector, Contrast, Initial, Inputs, Layer, Linear, Places, Rule, SignalError,
    Term, TermInfo, config::config,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "crd",
    formula: "−mean_b [log h(P₊) + Σ_k log(1 − h(P_k))] of both networks",
    needs: "features, trains embeddings, keeps memory banks",
    source: "Tian et al. 2020, arXiv:1910.10699 (CRD)",
};

config! {
    /// Configuration of [`Crd`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | the deepest of each | one pair of [student, teacher] |
    /// | `dim` | 128 | from 1 to 65536 |
    /// | `negatives` | 16384 | from 1 to 1000000 |
    /// | `temperature` | 0.07 | `[0.02, 100]` |
    /// | `momentum` | 0.5 | `[0, 1)` |
    /// | `weight` | 0.8 | `[0, ∞)` |
    CrdConfig {
        taps,
        /// Size of the embeddings.
        dim: usize = 128,
        /// Samples K of other classes that each sample is held apart from.
        negatives: usize = 16_384,
        /// Temperature τ of the products.
        temperature: f64 = 0.07,
        /// Share μ that a bank keeps of an old embedding.
        momentum: f64 = 0.5,
        weight = 0.8,
    }
}

impl CrdConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub fn build(&self) -> Result<Crd, ConfigError> {
        let Self { dim, negatives, temperature, momentum, .. } = *self;
        if self.taps.len() > 1 {
            return Err(ConfigError::new("taps", self.taps.len(), "one pair"));
        }
        if !(1..=65_536).contains(&dim) {
            return Err(ConfigError::new("dim", dim, "from 1 to 65536"));
        }
        if !(1..=1_000_000).contains(&negatives) {
            return Err(ConfigError::new("negatives", negatives, "from 1 to 1000000"));
        }
        if !(0.02..=100.0).contains(&temperature) {
            let expected = "a number from 0.02 to 100: below, exp(1/τ) leaves single precision";
            return Err(ConfigError::new("temperature", temperature, expected));
        }
        if !(0.0..1.0).contains(&momentum) {
            return Err(ConfigError::new("momentum", momentum, "a number in [0, 1)"));
        }
        Ok(Crd { taps: self.taps.clone(), dim, negatives, temperature, momentum })
    }
}

/// Contrast of both networks' embeddings.
#[derive(Debug, Clone)]
pub struct Crd {
    taps: Vec<[String; 2]>,
    dim: usize,
    negatives: usize,
    temperature: f64,
    momentum: f64,
}

/// One network's part of the connector.
struct Embedding<'a> {
    /// `[features, dim]`.
    linear: &'a Linear,
    /// `[samples, dim]`, drawn at random, of norm 1 once their sample was seen. Not learnt.
    bank: &'a mut Param<Tensor<2>>,
    /// Z of this network's embeddings, `[1]`; below zero before the first batch. Not learnt.
    normaliser: &'a mut Param<Tensor<1>>,
}

impl<'a> Embedding<'a> {
    fn layers(
        features: &Tensor<4>,
        samples: usize,
        dim: usize,
        initial: &mut Initial,
    ) -> Vec<Layer> {
        let [_, inputs, ..] = features.dims();
        let linear = Linear::new(inputs, dim, initial);
        let bank = initial.uniform([samples, dim], 1.0 / (dim as f64 / 3.0).sqrt());
        let normaliser = Param::from_tensor(initial.constant([1], -1.0));
        vec![
            Layer::Linear(linear),
            Layer::Matrix(Param::from_tensor(bank).set_require_grad(false)),
            Layer::Vector(normaliser.set_require_grad(false)),
        ]
    }

    /// Of both networks; nothing where the layers are others.
    fn of_both(connector: &'a mut Connector) -> Option<[Self; 2]> {
        let [student, teacher] = &mut connector.parts[..] else { return None };
        Some([Self::of(student)?, Self::of(teacher)?])
    }

    fn of(layers: &'a mut [Layer]) -> Option<Self> {
        match layers {
            [Layer::Linear(linear), Layer::Matrix(bank), Layer::Vector(normaliser)] => {
                Some(Self { linear, bank, normaliser })
            }
            _ => None,
        }
    }

    fn embed(&self, features: Tensor<4>) -> Tensor<2> {
        unit(self.linear.forward(pooled(features)), 1)
    }

    /// The bank's rows of these samples follow their new embeddings.
    fn follow(self, samples: Tensor<1, Int>, embeddings: Tensor<2>, momentum: f64) {
        let bank = self.bank.val().detach();
        let old = bank.clone().select(0, samples.clone());
        let new = unit(old.clone() * momentum + embeddings.detach() * (1.0 - momentum), 1);
        let bank = bank.select_assign(0, samples, new - old, IndexingUpdateOp::Add);
        *self.bank = self.bank.clone().map(|_| bank);
    }
}

impl Crd {
    /// The loss of one network's embeddings, `[1]`, against the other one's `bank`; sets Z in the first
    /// batch.
    fn contrast(
        &self,
        embeddings: Tensor<2>,
        bank: Tensor<2>,
        normaliser: &mut Param<Tensor<1>>,
        contrast: &Contrast,
    ) -> Tensor<1> {
        let [batch, _] = embeddings.dims();
        let samples = contrast.samples as f64;
        let positives = contrast.positives.clone().unsqueeze_dim(1);
        let places = Tensor::cat(vec![positives, contrast.negatives.clone()], 1);
        // Products with the whole bank are cheaper than a copy of its rows for every pair.
        let alike = embeddings.matmul(bank.detach().transpose()).gather(1, places);
        let exponent = alike * self.temperature.recip();
        let likeness = exponent.clone().exp();

        let old = normaliser.val().detach();
        let first = likeness.clone().detach().mean() * samples;
        let z = old.clone().mask_where(old.lower_elem(0.0), first);
        *normaliser = normaliser.clone().map(|_| z.clone());

        // −Σ_k log(1 − h) and −log h share their denominators; what is summed K times is small.
        let share = (batch as f64).recip();
        let noise = (contrast.negatives.dims()[1] as f64) / samples;
        let apart = ((likeness / z.clone().reshape([1, 1]) + EPSILON) * noise.recip()).log1p();
        let together = exponent.narrow(1, 0, 1).sum() * share - z.log();
        apart.sum() * share - together + noise.ln()
    }
}

/// The reference's, beside K/N.
const EPSILON: f64 = 1e-7;

impl Term for Crd {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn formula(&self) -> String {
        format!("CRD[K={}, τ={}]", self.negatives, self.temperature)
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Deepest))
    }

    fn negatives(&self) -> Option<usize> {
        Some(self.negatives)
    }

    fn connect(
        &self,
        dry_run: Inputs<'_>,
        initial: &mut Initial,
    ) -> Result<Option<Connector>, SignalError> {
        let samples = dry_run.signals.contrast(INFO.name)?.samples;
        let [student, teacher] = &dry_run.features[0];
        let student = Embedding::layers(student, samples, self.dim, initial);
        let teacher = Embedding::layers(teacher, samples, self.dim, initial);
        Ok(Some(Connector { parts: vec![student, teacher] }))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let embeddings = inputs.connector.as_mut().and_then(Embedding::of_both);
        let Some([student, teacher]) = embeddings else {
            return Err(SignalError::NoConnector { term: INFO.name });
        };
        let contrast = inputs.signals.contrast(INFO.name)?;
        let [of_student, of_teacher] = inputs.features[0].clone();
        let (v_s, v_t) = (student.embed(of_student), teacher.embed(of_teacher));
        let (bank_s, bank_t) = (student.bank.val(), teacher.bank.val());
        let loss_s = self.contrast(v_s.clone(), bank_t, student.normaliser, contrast);
        let loss_t = self.contrast(v_t.clone(), bank_s, teacher.normaliser, contrast);
        student.follow(contrast.positives.clone(), v_s, self.momentum);
        teacher.follow(contrast.positives.clone(), v_t, self.momentum);
        Ok(loss_s + loss_t)
    }
}
