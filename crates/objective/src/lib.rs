#![doc = include_str!("../README.md")]

mod config;
mod connect;
mod contrast;
mod ensemble;
mod error;
mod features;
mod formula;
mod info;
mod logits;
mod objective;
mod places;
mod schedule;
mod signals;
mod softened;
mod specialists;
mod taps;
mod term;

pub use config::{TERMS, TermConfig};
pub use connect::{Connector, Connectors, Conv, Layer, Linear, Norm};
pub use contrast::{Contrast, Negatives};
pub use ensemble::{Average, ensemble_logits};
pub use error::{ConfigError, SignalError};
pub use features::{
    attention::{Attention, AttentionConfig},
    correlation::{Correlation, CorrelationConfig},
    crd::{Crd, CrdConfig},
    hint::{Hint, HintConfig},
    nst::{Nst, NstConfig},
    overhaul::{Overhaul, OverhaulConfig},
    pkt::{Pkt, PktConfig},
    review::{Review, ReviewConfig},
    rkd::{Rkd, RkdConfig},
    similarity::{Similarity, SimilarityConfig},
    vid::{Vid, VidConfig},
};
pub use info::TermInfo;
pub use logits::{
    cross_entropy::{CrossEntropy, CrossEntropyConfig},
    decoupled::{Decoupled, DecoupledConfig},
    dist::{Dist, DistConfig},
    jensen_shannon::{JensenShannon, JensenShannonConfig},
    logit_mse::{LogitMse, LogitMseConfig},
    reverse_kl::{ReverseKl, ReverseKlConfig},
    skewed_kl::{SkewedKl, SkewedKlConfig},
    soft_cross_entropy::{SoftCrossEntropy, SoftCrossEntropyConfig},
    soft_targets::{SoftTargets, SoftTargetsConfig},
    top_k::{Remainder, TopK, TopKConfig},
    weighted_soft_targets::{WeightedSoftTargets, WeightedSoftTargetsConfig},
};
pub use objective::{Evaluation, Objective, TermValue};
pub use places::{Places, Rule};
pub use rand_core;
pub use schedule::Schedule;
pub use signals::Signals;
pub use softened::{log_softmax_at, soft_target_kl, standardise};
pub use specialists::{Specialist, specialist_logits};
pub use taps::{Features, TapShape};
pub use term::{Inputs, Term};
