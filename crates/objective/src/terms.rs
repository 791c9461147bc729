//! Every loss term: its configuration by its name in recipes, and the table of all.

use serde::{Deserialize, Serialize};

use crate::{ConfigError, Schedule, Term, TermInfo, features, logits};

/// A row for each term: what it is, its file, its type and its configuration, which are exported.
macro_rules! terms {
    ($($(#[$doc:meta])* $family:ident::$file:ident: $term:ident, $config:ident;)*) => {
        $(pub use $family::$file::{$term, $config};)*

        /// One weighted term as a recipe writes it: `{ term = "soft-targets", temperature = 5, weight = 0.4
        /// }`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "term", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum TermConfig {
            $($(#[$doc])* $term($config),)*
        }

        impl TermConfig {
            /// Factor of the term in the sum.
            pub fn weight(&self) -> Schedule {
                match self {
                    $(Self::$term(config) => config.weight,)*
                }
            }

            /// Checks all ranges, the weight's too, and makes the term.
            ///
            /// # Errors
            /// [`ConfigError`] for a value out of its range.
            pub fn build(&self) -> Result<Box<dyn Term>, ConfigError> {
                self.weight().check_weight()?;
                Ok(match self {
                    $(Self::$term(config) => Box::new(config.build()?),)*
                })
            }
        }

        /// Every term this crate offers: of logits, then of features, each in the order of what they need.
        pub const TERMS: &[TermInfo] = &[$($family::$file::INFO,)*];
    };
}

terms! {
    /// Cross entropy with the labels.
    logits::cross_entropy: CrossEntropy, CrossEntropyConfig;
    /// Hinton's soft targets.
    logits::soft_targets: SoftTargets, SoftTargetsConfig;
    /// Cross entropy with soft targets.
    logits::soft_cross_entropy: SoftCrossEntropy, SoftCrossEntropyConfig;
    /// Squared distance of logits.
    logits::logit_mse: LogitMse, LogitMseConfig;
    /// Soft targets, weighted for each sample.
    logits::weighted_soft_targets: WeightedSoftTargets, WeightedSoftTargetsConfig;
    /// Decoupled knowledge distillation.
    logits::decoupled: Decoupled, DecoupledConfig;
    /// Correlations over classes and samples.
    logits::dist: Dist, DistConfig;
    /// Soft targets of the most probable classes.
    logits::top_k: TopK, TopKConfig;
    /// Divergence of the teacher from the student.
    logits::reverse_kl: ReverseKl, ReverseKlConfig;
    /// Generalised Jensen-Shannon divergence.
    logits::jensen_shannon: JensenShannon, JensenShannonConfig;
    /// Divergence from a mixture of both.
    logits::skewed_kl: SkewedKl, SkewedKlConfig;
    /// FitNet's hints.
    features::hint: Hint, HintConfig;
    /// Attention transfer.
    features::attention: Attention, AttentionConfig;
    /// Neuron selectivity transfer.
    features::nst: Nst, NstConfig;
    /// Probabilistic knowledge transfer.
    features::pkt: Pkt, PktConfig;
    /// Similarity preserving distillation.
    features::similarity: Similarity, SimilarityConfig;
    /// Correlation congruence.
    features::correlation: Correlation, CorrelationConfig;
    /// Relational knowledge distillation.
    features::rkd: Rkd, RkdConfig;
    /// Variational information distillation.
    features::vid: Vid, VidConfig;
    /// Overhaul of feature distillation.
    features::overhaul: Overhaul, OverhaulConfig;
    /// Contrastive representation distillation.
    features::crd: Crd, CrdConfig;
    /// Knowledge review.
    features::review: Review, ReviewConfig;
}
