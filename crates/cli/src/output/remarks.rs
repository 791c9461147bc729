//! Reasons why distillation did not gain, in words.

use distill_driver::Remark;

/// A line for each remark under `heading`, and what to try; nothing without any.
pub(crate) fn remarks(heading: &str, remarks: &[Remark]) -> String {
    let lines = remarks.iter().map(|Remark { found, hint, .. }| format!("- {found}. Try: {hint}."));
    match remarks {
        [] => String::new(),
        _ => format!("\n{heading}:\n{}", lines.collect::<Vec<_>>().join("\n")),
    }
}
