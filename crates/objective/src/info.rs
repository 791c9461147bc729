//! What a term is, in words.

/// One line of the table that `distill list objectives` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TermInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// Loss as a formula, mean over the batch; its page in `docs/objectives/` says the unit.
    pub formula: &'static str,
    /// What it needs beside the student's logits.
    pub needs: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}
