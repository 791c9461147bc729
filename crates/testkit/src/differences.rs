//! Finite differences and relative errors.

/// Central differences of `f` at `x`, one coordinate at a time.
///
/// `f` runs in `f32` inside Burn, so `step` wants to be about the cube root of its precision:
/// 1e-2 for values near one.
pub fn numeric_gradient(x: &[f64], step: f64, mut f: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    let mut point = x.to_vec();
    let mut slopes = Vec::with_capacity(x.len());
    for (index, middle) in x.iter().enumerate() {
        point[index] = middle + step;
        let above = f(&point);
        point[index] = middle - step;
        let below = f(&point);
        point[index] = *middle;
        slopes.push((above - below) / (2.0 * step));
    }
    slopes
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
