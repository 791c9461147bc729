//! How numbers stand in a printed formula.

/// A weight with two decimals where they say it all, otherwise in full: `0.40`, `0.125`.
pub(crate) fn weight(value: f64) -> String {
    let short = format!("{value:.2}");
    if short.parse() == Ok(value) { short } else { value.to_string() }
}
