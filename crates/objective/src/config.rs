//! Every loss term: its configuration by its name in recipes, and the table of all.

use serde::{Deserialize, Serialize};

use crate::{ConfigError, Schedule, Term, TermInfo, features, logits};

/// Every term, once: its variant and what it is.
macro_rules! terms {
    ($($(#[$doc:meta])* $variant:ident($config:ident)),* $(,)?) => {
        /// One weighted term as a recipe writes it: `{ term = "soft-targets", temperature = 5, weight = 0.4
        /// }`.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(tag = "term", rename_all = "kebab-case")]
        #[non_exhaustive]
        pub enum TermConfig {
            $($(#[$doc])* $variant(crate::$config),)*
        }

        impl TermConfig {
            /// Factor of the term in the sum.
            pub fn weight(&self) -> Schedule {
                match self {
                    $(Self::$variant(config) => config.weight,)*
                }
            }

            /// Checks all ranges, the weight's too, and makes the term.
            ///
            /// # Errors
            /// [`ConfigError`] for a value out of its range.
            pub fn build(&self) -> Result<Box<dyn Term>, ConfigError> {
                self.weight().check_weight()?;
                Ok(match self {
                    $(Self::$variant(config) => Box::new(config.build()?),)*
                })
            }
        }
    };
}

terms! {
    /// Cross entropy with the labels.
    CrossEntropy(CrossEntropyConfig),
    /// Hinton's soft targets.
    SoftTargets(SoftTargetsConfig),
    /// Cross entropy with soft targets.
    SoftCrossEntropy(SoftCrossEntropyConfig),
    /// Squared distance of logits.
    LogitMse(LogitMseConfig),
    /// Soft targets, weighted for each sample.
    WeightedSoftTargets(WeightedSoftTargetsConfig),
    /// Decoupled knowledge distillation.
    Decoupled(DecoupledConfig),
    /// Correlations over classes and samples.
    Dist(DistConfig),
    /// Soft targets of the most probable classes.
    TopK(TopKConfig),
    /// Divergence of the teacher from the student.
    ReverseKl(ReverseKlConfig),
    /// Generalised Jensen-Shannon divergence.
    JensenShannon(JensenShannonConfig),
    /// Divergence from a mixture of both.
    SkewedKl(SkewedKlConfig),
    /// FitNet's hints.
    Hint(HintConfig),
    /// Attention transfer.
    Attention(AttentionConfig),
    /// Neuron selectivity transfer.
    Nst(NstConfig),
    /// Probabilistic knowledge transfer.
    Pkt(PktConfig),
    /// Similarity preserving distillation.
    Similarity(SimilarityConfig),
    /// Correlation congruence.
    Correlation(CorrelationConfig),
    /// Relational knowledge distillation.
    Rkd(RkdConfig),
    /// Variational information distillation.
    Vid(VidConfig),
    /// Overhaul of feature distillation.
    Overhaul(OverhaulConfig),
    /// Contrastive representation distillation.
    Crd(CrdConfig),
    /// Knowledge review.
    Review(ReviewConfig),
}

/// Every term this crate offers: of logits, then of features, each in the order of what they need.
pub const TERMS: &[TermInfo] = &[
    logits::cross_entropy::INFO,
    logits::soft_targets::INFO,
    logits::soft_cross_entropy::INFO,
    logits::logit_mse::INFO,
    logits::weighted_soft_targets::INFO,
    logits::decoupled::INFO,
    logits::dist::INFO,
    logits::top_k::INFO,
    logits::reverse_kl::INFO,
    logits::jensen_shannon::INFO,
    logits::skewed_kl::INFO,
    features::hint::INFO,
    features::attention::INFO,
    features::nst::INFO,
    features::pkt::INFO,
    features::similarity::INFO,
    features::correlation::INFO,
    features::rkd::INFO,
    features::vid::INFO,
    features::overhaul::INFO,
    features::crd::INFO,
    features::review::INFO,
];
