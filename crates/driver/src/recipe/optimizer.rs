//! `[optimizer]` of a recipe.

use serde::{Deserialize, Serialize};

use crate::training::{OptimizerConfig, OptimizerKind, Precision, Refusal};

/// Optimizer fields of a recipe; what is not said comes from the recipe's `[optimizer]`, then from
/// the defaults.
///
/// | Name | Default | Range |
/// |---|---|---|
/// | `kind` | `adam` | `adam`, `adamw`, `sgd` |
/// | `learning_rate` | 1e-3 | `(0, ∞)` |
/// | `batch` | 64 | from 1 to the training images |
/// | `weight_decay` | 0 | `[0, ∞)` |
/// | `momentum` | 0.9 | `[0, 1)`, `sgd` only |
/// | `nesterov` | false | `sgd` only, with momentum |
/// | `betas` | 0.9, 0.999 | `[0, 1)`, `adam` and `adamw` only |
/// | `epsilon` | 1e-8 | `(0, ∞)`, `adam` and `adamw` only |
/// | `precision` | `f32` | `f32`, `tf32`, `bf16`, `f16`: [`Precision`] |
/// | `accumulate` | 1 | from 1: parts of a batch, one in memory at a time, whose gradients are summed |
/// | `gradient_checkpoints` | 0 | values of a network that are kept; others are computed twice. 0 keeps all |
/// | `clip_norm` | none | `(0, ∞)`, norm over all gradients |
/// | `max_norm` | none | `(0, ∞)`, norm of the weights into each unit of a linear layer |
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the table above says it all")]
pub struct OptimizerSection {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<OptimizerKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub learning_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_decay: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub momentum: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nesterov: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub betas: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accumulate: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gradient_checkpoints: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip_norm: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_norm: Option<f64>,
}

impl OptimizerSection {
    pub(super) fn over(&self, base: &Self) -> Self {
        let is_sgd = |kind: Option<OptimizerKind>| kind.unwrap_or_default() == OptimizerKind::Sgd;
        let mut base = base.clone();
        // Fields that only the other kind has are not inherited.
        if self.kind.is_some() && is_sgd(self.kind) != is_sgd(base.kind) {
            (base.momentum, base.nesterov) = (None, None);
            (base.betas, base.epsilon) = (None, None);
        }
        Self {
            kind: self.kind.or(base.kind),
            learning_rate: self.learning_rate.or(base.learning_rate),
            batch: self.batch.or(base.batch),
            weight_decay: self.weight_decay.or(base.weight_decay),
            momentum: self.momentum.or(base.momentum),
            nesterov: self.nesterov.or(base.nesterov),
            betas: self.betas.or(base.betas),
            epsilon: self.epsilon.or(base.epsilon),
            precision: self.precision.or(base.precision),
            accumulate: self.accumulate.or(base.accumulate),
            gradient_checkpoints: self.gradient_checkpoints.or(base.gradient_checkpoints),
            clip_norm: self.clip_norm.or(base.clip_norm),
            max_norm: self.max_norm.or(base.max_norm),
        }
    }

    /// Fills in the defaults and checks the ranges.
    pub(crate) fn resolve(&self) -> Result<OptimizerConfig, Refusal> {
        let kind = self.kind.unwrap_or_default();
        let foreign = match kind {
            OptimizerKind::Sgd => {
                [("betas", self.betas.is_some()), ("epsilon", self.epsilon.is_some())]
            }
            _ => [("momentum", self.momentum.is_some()), ("nesterov", self.nesterov.is_some())],
        };
        if let Some((field, _)) = foreign.into_iter().find(|(_, given)| *given) {
            let expected = "to be left out: this kind of optimizer has no such field";
            return Err((field.to_owned(), "given".to_owned(), expected));
        }
        let usual = OptimizerConfig::default();
        let resolved = OptimizerConfig {
            kind,
            learning_rate: self.learning_rate.unwrap_or(usual.learning_rate),
            batch: self.batch.unwrap_or(usual.batch),
            weight_decay: self.weight_decay.unwrap_or(usual.weight_decay),
            momentum: self.momentum.unwrap_or(usual.momentum),
            nesterov: self.nesterov.unwrap_or(usual.nesterov),
            betas: self.betas.unwrap_or(usual.betas),
            epsilon: self.epsilon.unwrap_or(usual.epsilon),
            precision: self.precision.unwrap_or(usual.precision),
            accumulate: self.accumulate.unwrap_or(usual.accumulate),
            gradient_checkpoints: self.gradient_checkpoints.unwrap_or(usual.gradient_checkpoints),
            clip_norm: self.clip_norm,
            max_norm: self.max_norm,
        };
        // Optimizers compute in single precision.
        let positive = |value: f64| (value as f32).is_finite() && value as f32 > 0.0;
        let fraction = |value: f64| (0.0..1.0).contains(&value);
        let single = |value: f64| fraction(value) && (value as f32) < 1.0;
        let checks = [
            ("learning_rate", resolved.learning_rate, positive(resolved.learning_rate), POSITIVE),
            ("batch", resolved.batch as f64, resolved.batch > 0, "at least 1"),
            ("accumulate", resolved.accumulate as f64, resolved.accumulate > 0, "at least 1"),
            (
                "weight_decay",
                resolved.weight_decay,
                resolved.weight_decay == 0.0 || positive(resolved.weight_decay),
                "0, or a finite number above it in single precision",
            ),
            ("momentum", resolved.momentum, fraction(resolved.momentum), FRACTION),
            ("betas[0]", resolved.betas[0], single(resolved.betas[0]), FRACTION),
            ("betas[1]", resolved.betas[1], single(resolved.betas[1]), FRACTION),
            ("epsilon", resolved.epsilon, positive(resolved.epsilon), POSITIVE),
        ];
        for (field, value, good, expected) in checks {
            if !good {
                return Err((field.to_owned(), value.to_string(), expected));
            }
        }
        for (field, norm) in [("clip_norm", resolved.clip_norm), ("max_norm", resolved.max_norm)] {
            if let Some(norm) = norm.filter(|norm| !positive(*norm)) {
                return Err((field.to_owned(), norm.to_string(), POSITIVE));
            }
        }
        if resolved.nesterov && resolved.momentum == 0.0 {
            let expected = "momentum above 0 with it";
            return Err(("nesterov".to_owned(), "true".to_owned(), expected));
        }
        Ok(resolved)
    }
}

const POSITIVE: &str = "a finite number above 0 in single precision";
const FRACTION: &str = "a number in [0, 1)";
