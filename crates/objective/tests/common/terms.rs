//! One of each loss of logits.

use distill_objective::Objective;

/// One of each term that compares student and teacher.
pub(crate) const COMPARING: [&str; 14] = [
    r#"{"term": "soft-targets", "temperature": 3}"#,
    r#"{"term": "logit-mse"}"#,
    r#"{"term": "decoupled", "temperature": 3}"#,
    r#"{"term": "decoupled", "non_target": 0}"#,
    r#"{"term": "dist", "temperature": 3}"#,
    r#"{"term": "reverse-kl", "temperature": 3}"#,
    r#"{"term": "jensen-shannon", "mixing": 0.3}"#,
    r#"{"term": "skewed-kl", "temperature": 3}"#,
    r#"{"term": "skewed-kl", "skew": 0.3, "reverse": true}"#,
    r#"{"term": "soft-cross-entropy", "temperature": 3}"#,
    r#"{"term": "weighted-soft-targets"}"#,
    r#"{"term": "top-k", "k": 2}"#,
    r#"{"term": "top-k", "k": 2, "remainder": "uniform"}"#,
    r#"{"term": "soft-targets", "temperature": 2, "standardise": true}"#,
];

pub(crate) fn parsed(term: &str) -> Objective {
    Objective::new(&[serde_json::from_str(term).unwrap()]).unwrap()
}
