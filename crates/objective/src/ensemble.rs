//! Ensembles: logits of several teachers, combined.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::log_softmax_at;

/// Which mean of the members' probabilities an ensemble answers with: Hinton, Vinyals and Dean 2015,
/// arXiv:1503.02531, section 2, name both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Average {
    /// The mean of the probabilities.
    #[default]
    Arithmetic,
    /// The exponential of the mean of their logarithms, normalised again.
    Geometric,
}

/// Logits of an ensemble, from those of its members with the share of each.
///
/// The geometric mean is `Σ shareᵢ·zᵢ`, which is the mean at every temperature. The arithmetic mean is
/// `T·log Σ shareᵢ·softmax(zᵢ/T)`: logits whose softmax at `temperature` T is the mean of the members' softened
/// probabilities, and at another temperature is that mean softened further.
///
/// # Shapes
/// - `members`: each `[batch, classes]`, with its share; shares sum to 1
/// - output: `[batch, classes]`
///
/// # Panics
/// Without members.
pub fn ensemble_logits(
    members: impl IntoIterator<Item = (Tensor<2>, f64)>,
    average: Average,
    temperature: f64,
) -> Tensor<2> {
    let members = members.into_iter();
    match average {
        Average::Geometric => sum(members.map(|(logits, share)| logits * share)),
        Average::Arithmetic => {
            let logs: Vec<(Tensor<2>, f64)> = members
                .map(|(logits, share)| (log_softmax_at(logits, temperature), share))
                .collect();
            // The largest of them goes out first, so that no class is lost where all are tiny.
            let each = logs.iter().map(|(log, _)| log.clone());
            let largest = each.reduce(Tensor::max_pair).expect("an ensemble has members");
            let parts = logs.into_iter().map(|(log, share)| (log - largest.clone()).exp() * share);
            (sum(parts).log() + largest) * temperature
        }
    }
}

fn sum(parts: impl Iterator<Item = Tensor<2>>) -> Tensor<2> {
    parts.reduce(|a, b| a + b).expect("an ensemble has members")
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, activation::softmax};

    use super::*;

    const MEMBERS: [([f32; 3], f64); 2] = [([2.0, 0.0, -1.0], 0.25), ([-1.0, 1.0, 0.5], 0.75)];

    fn probabilities(average: Average, at: f64, read: f64) -> Vec<f32> {
        let members =
            MEMBERS.map(|(row, share)| (Tensor::<2>::from_data([row], &Device::flex()), share));
        let logits = ensemble_logits(members, average, at);
        softmax(logits / read, 1).into_data().iter::<f32>().collect()
    }

    /// Computed from the definitions in double precision.
    fn expected(average: Average, at: f64) -> Vec<f64> {
        let rows = MEMBERS.map(|(row, share)| {
            let exp = row.map(|z| (f64::from(z) / at).exp());
            (exp.map(|e| e / exp.iter().sum::<f64>()), share)
        });
        let mean = |class: usize| match average {
            Average::Arithmetic => rows.iter().map(|(p, share)| p[class] * share).sum::<f64>(),
            Average::Geometric => rows.iter().map(|(p, share)| p[class].powf(*share)).product(),
        };
        let means = [mean(0), mean(1), mean(2)];
        means.iter().map(|p| p / means.iter().sum::<f64>()).collect()
    }

    fn assert_close(found: Vec<f32>, expected: &[f64]) {
        for (found, expected) in found.into_iter().zip(expected) {
            assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn the_arithmetic_mean_is_that_of_probabilities_at_its_temperature() {
        for at in [1.0, 4.0] {
            let found = probabilities(Average::Arithmetic, at, at);
            assert_close(found, &expected(Average::Arithmetic, at));
        }
        let elsewhere = probabilities(Average::Arithmetic, 1.0, 4.0);
        let difference = f64::from(elsewhere[0]) - expected(Average::Arithmetic, 4.0)[0];
        assert!(difference.abs() > 1e-3, "{difference}");
    }

    #[test]
    fn the_geometric_mean_is_the_same_at_any_temperature() {
        for read in [1.0, 4.0] {
            let found = probabilities(Average::Geometric, 1.0, read);
            assert_close(found, &expected(Average::Geometric, read));
        }
    }

    #[test]
    fn classes_that_are_next_to_impossible_keep_their_order() {
        let row = |z: f32| Tensor::<2>::from_data([[0.0, -z, -2.0 * z]], &Device::flex());
        let logits =
            ensemble_logits([(row(80.0), 0.5), (row(90.0), 0.5)], Average::Arithmetic, 1.0);
        let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
        let expected = [0.0, -80.0 - 2.0_f32.ln(), -160.0 - 2.0_f32.ln()];
        for (found, expected) in logits.into_iter().zip(expected) {
            assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    }
}
