//! Elementary functions near their zeros, where the plain formulas cancel.

use burn::tensor::{DType, Tensor};

/// Largest size of an argument for which the series are used, and for which they are exact.
pub(crate) const NEAR: f64 = 0.25;

/// `e^−x − 1 + x`, which is x²/2 near zero, for |x| up to [`NEAR`]; larger ones count as the bound.
pub(crate) fn exp_remainder<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let orders = if x.dtype() == DType::F64 { 13 } else { 7 };
    let x = x.clamp(-NEAR, NEAR);
    // Σ (−x)^k/k! from k = 2.
    x.clone().powi_scalar(2) * series(x, 2, orders, -1.0)
}

/// `e^x − 1` for |x| up to [`NEAR`]; larger ones count as the bound.
pub(crate) fn exp_m1<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let orders = if x.dtype() == DType::F64 { 13 } else { 7 };
    let x = x.clamp(-NEAR, NEAR);
    x.clone() * series(x, 1, orders, 1.0)
}

/// `log(1 + x)` for |x| up to 0.3; larger ones count as the bound. Some devices have no such function that is exact near
/// zero.
pub(crate) fn ln_1p<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    // 2·artanh(z) for z = x/(2 + x), whose series has odd powers alone.
    let terms: i32 = if x.dtype() == DType::F64 { 10 } else { 5 };
    let x = x.clamp(-0.3, 0.3);
    let z = x.clone() / (x + 2.0);
    let square = z.clone().powi_scalar(2);
    let factor = |term: i32| 1.0 / f64::from(2 * term + 1);
    let last = square.clone() * factor(terms - 1) + factor(terms - 2);
    let sum = (0..terms - 2).rev().fold(last, |sum, term| sum * square.clone() + factor(term));
    z * sum * 2.0
}

/// `Σ_{k = first..=last} (sign·x)^k/k!` over `x^first`, by Horner's scheme.
fn series<const D: usize>(x: Tensor<D>, first: i32, last: i32, sign: f64) -> Tensor<D> {
    let coefficient = |k: i32| sign.powi(k) / (1..=k).map(f64::from).product::<f64>();
    let highest = x.clone() * coefficient(last) + coefficient(last - 1);
    (first..last - 1).rev().fold(highest, |sum, k| sum * x.clone() + coefficient(k))
}

/// Zeros with the derivative of `x`.
pub(crate) fn change<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() - x.detach()
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};
    use distill_testkit::{cpu_devices, values};

    use super::*;

    const POINTS: [f64; 8] = [-0.25, -0.1, -1e-3, -1e-6, 0.0, 1e-5, 0.1, 0.25];

    fn points(device: &Device, dtype: DType) -> Tensor<1> {
        Tensor::from_data(TensorData::from(POINTS), (device, dtype))
    }

    #[test]
    fn they_are_exact_in_both_precisions() {
        for (backend, device) in cpu_devices() {
            for (dtype, bound) in [(DType::F32, 4e-7), (DType::F64, 1e-15)] {
                let x = points(&device, dtype);
                let given = values(x.clone());
                let [exp, remainder, log] =
                    [exp_m1(x.clone()), exp_remainder(x.clone()), ln_1p(x.clone())].map(values);
                for (at, x) in given.into_iter().enumerate() {
                    let off = (log[at] - x.ln_1p()).abs();
                    assert!(off <= bound * x.abs(), "{backend}, {dtype:?}, log(1 + {x}): {off:e}");
                    let off = (exp[at] - x.exp_m1()).abs();
                    assert!(off <= bound * x.abs(), "{backend}, {dtype:?}, {x}: {off:e}");
                    // Its own series in double precision, which differs from the plain formula's rounding.
                    let expected = if x.abs() < 1e-2 {
                        x * x / 2.0 * (1.0 - x / 3.0 * (1.0 - x / 4.0 * (1.0 - x / 5.0)))
                    } else {
                        (-x).exp_m1() + x
                    };
                    let off = (remainder[at] - expected).abs();
                    let bound = if dtype == DType::F64 { 2e-14 } else { bound };
                    assert!(off <= bound * expected, "{backend}, {dtype:?}, {x}: {off:e}");
                }
            }
        }
    }
}
