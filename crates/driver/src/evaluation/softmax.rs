//! Softmax of a row, in double precision.

/// Log probabilities of one row of logits.
pub fn log_softmax(row: &[f32]) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let shifted = row.iter().map(|z| f64::from(z - largest));
    let log_sum = shifted.clone().map(f64::exp).sum::<f64>().ln();
    shifted.map(|z| z - log_sum).collect()
}

/// Probabilities of one row of logits divided by `temperature`.
pub fn softmax(row: &[f32], temperature: f64) -> Vec<f64> {
    let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let odds: Vec<f64> = row.iter().map(|z| (f64::from(z - largest) / temperature).exp()).collect();
    let sum = odds.iter().sum::<f64>();
    odds.into_iter().map(|odds| odds / sum).collect()
}
