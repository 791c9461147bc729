//! Finite differences and relative errors.

/// Central differences of `f` at `x`, one coordinate at a time.
///
/// `f` runs in `f32` inside Burn, so `step` wants to be about the cube root of its precision:
/// 1e-2 for values near one.
pub fn numeric_gradient(x: &[f64], step: f64, mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let mut point = x.to_vec();
    let mut slope = |index: usize| {
        point[index] = x[index] + step;
        let above = f(&point);
        point[index] = x[index] - step;
        let below = f(&point);
        point[index] = x[index];
        (above - below) / (2.0 * step)
    };
    (0..x.len()).map(&mut slope).collect()
}

/// `‖a − b‖ / ‖b‖`, or `‖a‖` where `b` is zero.
pub fn relative_l2(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "two vectors of one length");
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let difference = norm(&mut a.iter().zip(b).map(|(a, b)| a - b));
    match norm(&mut b.iter().copied()) {
        0.0 => difference,
        scale => difference / scale,
    }
}
