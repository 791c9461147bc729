//! A generalist and its specialists as one teacher: Hinton, Vinyals and Dean 2015, arXiv:1503.02531, section 5.

use burn::tensor::{Tensor, TensorData, activation::softmax};

/// Rounds of the fixed point below. One is exact where no two active specialists share an image.
const ROUNDS: usize = 50;

/// What a specialist says: it tells its own classes apart, and calls everything else the dustbin.
#[derive(Debug, Clone)]
pub struct Specialist {
    /// `[batch, classes + 1]`, the dustbin last. Those of classes that are not its own do not count.
    pub logits: Tensor<2>,
    /// Of each class whether it is its own.
    pub own: Vec<bool>,
    /// Added to the logit of the dustbin, for the specialist saw its own classes more often than they come: the
    /// logarithm of how many times as often (section 5.3).
    pub dustbin_shift: f64,
}

/// Logits of the distribution q that fits the generalist and the specialists that are active best:
/// `KL(p_generalist, q) + Σ KL(p_specialist, q)` is smallest (equation 5), where q gives a dustbin the probability
/// of all classes that are not the specialist's own. A specialist is active for an image if one of the
/// generalist's `top` classes is its own.
///
/// The paper goes down the gradient of q's logits. The same minimum is reached without a step size by giving each
/// distribution's mass to q's classes in the proportions that q has, until nothing changes; each round lowers
/// the sum.
///
/// # Shapes
/// - `generalist`: `[batch, classes]`
/// - output: `[batch, classes]`, log probabilities
///
/// # Panics
/// Where a specialist's `own` has not one entry for each class, or `top` is not from 1 to the classes.
pub fn specialist_logits(
    generalist: Tensor<2>,
    specialists: &[Specialist],
    top: usize,
) -> Tensor<2> {
    let [batch, classes] = generalist.dims();
    let device = generalist.device();
    let likely = generalist.clone().topk(top, 1).min_dim(1);
    let likely = generalist.clone().greater_equal(likely).float();
    let general = softmax(generalist, 1);
    // The generalist's share of the fit, and each active specialist's.
    let mut direct = general.clone();
    let mut count = Tensor::<2>::ones([batch, 1], &device);
    let mut dustbins: Vec<[Tensor<2>; 2]> = Vec::new();
    for specialist in specialists {
        assert_eq!(specialist.own.len(), classes, "each class is the specialist's own or not");
        let row: Vec<f32> = specialist.own.iter().map(|own| f32::from(u8::from(*own))).collect();
        let own = Tensor::<2>::from_data(TensorData::new(row, [1, classes]), &device);
        let active = (likely.clone() * own.clone()).max_dim(1);
        let logits = specialist.logits.clone();
        let dustbin = logits.clone().slice([0..batch, classes..classes + 1]);
        let foreign = (own.clone() - 1.0) * 1e9;
        let logits = Tensor::cat(
            vec![
                logits.slice([0..batch, 0..classes]) + foreign,
                dustbin + specialist.dustbin_shift,
            ],
            1,
        );
        let p = softmax(logits, 1) * active.clone();
        direct = direct + p.clone().slice([0..batch, 0..classes]);
        count = count + active;
        dustbins.push([1.0 - own, p.slice([0..batch, classes..classes + 1])]);
    }
    let mut q = general;
    for _ in 0..ROUNDS {
        let mut next = direct.clone();
        for [rest, mass] in &dustbins {
            let there = q.clone() * rest.clone();
            let sum = there.clone().sum_dim(1).clamp_min(1e-30);
            next = next + there / sum * mass.clone();
        }
        q = next / count.clone();
    }
    q.clamp_min(1e-30).log()
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;
    use distill_testkit::values;

    use super::*;

    fn tensor<const N: usize>(rows: &[[f32; N]]) -> Tensor<2> {
        let flat: Vec<f32> = rows.iter().flatten().copied().collect();
        Tensor::from_data(TensorData::new(flat, [rows.len(), N]), &Device::flex())
    }

    fn specialist(row: [f32; 5], own: [bool; 4]) -> Specialist {
        Specialist { logits: tensor(&[row]), own: own.to_vec(), dustbin_shift: 0.5 }
    }

    fn soft(row: &[f32]) -> Vec<f64> {
        let exp: Vec<f64> = row.iter().map(|z| f64::from(*z).exp()).collect();
        exp.iter().map(|e| e / exp.iter().sum::<f64>()).collect()
    }

    #[test]
    fn one_active_specialist_has_a_closed_form() {
        let general = [1.0, 0.5, -1.0, 0.0];
        // The third logit is of a class that is not its own.
        let own = [true, true, false, false];
        let q =
            specialist_logits(tensor(&[general]), &[specialist([0.0, 2.0, 9.0, 9.0, 1.0], own)], 1);
        let (p_g, p_m) = (soft(&general), soft(&[0.0, 2.0, 1.5]));
        // Its classes share what both give them; the others keep the generalist's proportions.
        let rest = p_g[2] + p_g[3];
        let left = (rest + p_m[2]) / 2.0;
        let expected = [
            (p_g[0] + p_m[0]) / 2.0,
            (p_g[1] + p_m[1]) / 2.0,
            left * p_g[2] / rest,
            left * p_g[3] / rest,
        ];
        for (found, expected) in values(q).iter().zip(expected) {
            assert!((found.exp() - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn a_specialist_of_other_classes_is_not_asked() {
        let general = tensor(&[[1.0, 0.5, -1.0, 0.0]]);
        let other = specialist([5.0, 5.0, 3.0, 1.0, -4.0], [false, false, true, true]);
        let q = values(specialist_logits(general.clone(), std::slice::from_ref(&other), 1));
        for (found, expected) in q.iter().zip(soft(&[1.0, 0.5, -1.0, 0.0])) {
            assert!((found.exp() - expected).abs() < 1e-6);
        }
        let asked = values(specialist_logits(general, &[other], 3));
        assert!((asked[2] - q[2]).abs() > 0.1, "its class is among the three likeliest");
    }

    #[test]
    fn specialists_that_overlap_reach_the_minimum() {
        let general = [1.0, 0.5, -1.0, 0.0];
        let first = ([0.0, 2.0, 0.0, 0.0, 1.0], [true, true, false, false]);
        let second = ([0.0, 1.0, 2.0, 0.0, 0.5], [false, true, true, false]);
        let specialists = [first, second].map(|(row, own)| specialist(row, own));
        let found = values(specialist_logits(tensor(&[general]), &specialists, 2));
        let q: Vec<f64> = found.iter().map(|z| z.exp()).collect();
        let (p_a, p_b) = (soft(&[0.0, 2.0, 1.5]), soft(&[1.0, 2.0, 1.0]));
        // Minus the sum of the divergences, the parts without q aside.
        let fit = |q: &[f64]| {
            let own: f64 = soft(&general).iter().zip(q).map(|(p, q)| p * q.ln()).sum();
            let a = p_a[0] * q[0].ln() + p_a[1] * q[1].ln() + p_a[2] * (q[2] + q[3]).ln();
            let b = p_b[0] * q[1].ln() + p_b[1] * q[2].ln() + p_b[2] * (q[0] + q[3]).ln();
            own + a + b
        };
        assert!((q.iter().sum::<f64>() - 1.0).abs() < 1e-5);
        for from in 0..4 {
            for to in 0..4 {
                let mut moved = q.clone();
                (moved[from], moved[to]) = (moved[from] - 1e-3, moved[to] + 1e-3);
                assert!(from == to || fit(&moved) < fit(&q), "{from} to {to}");
            }
        }
    }
}
