//! Reliability and temperature scaling: Guo et al. 2017, arXiv:1706.04599, sections 2 and 4.2.

use serde::{Deserialize, Serialize};

use super::{
    metrics::{Bin, CalibrationError},
    predictions::Predictions,
    softmax::log_softmax,
};

/// Calibration on the test split as trained, and with logits divided by one temperature that was fitted on
/// the validation split. Which class is likeliest does not change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Calibration {
    /// The temperature with the lowest mean −log p on the validation split, in `[0.05, 20]`.
    pub temperature: f64,
    /// Mean −log p of the right class as trained, nats.
    pub nll: f64,
    /// The same with the temperature.
    pub nll_scaled: f64,
    /// Expected calibration error as trained, 15 bins.
    pub ece: f64,
    /// The same with the temperature.
    pub ece_scaled: f64,
}

impl Calibration {
    /// Fits the temperature on `validation` and measures on `test`.
    pub fn of(validation: &Predictions, test: &Predictions) -> Self {
        let temperature = validation.best_temperature();
        let (before, after) = (test.scores(None), test.at(temperature).scores(None));
        Self {
            temperature,
            nll: before.nll,
            nll_scaled: after.nll,
            ece: before.ece,
            ece_scaled: after.ece,
        }
    }
}

const RANGE: [f64; 2] = [0.05, 20.0];

impl Predictions {
    /// The same predictions with logits divided by `temperature`.
    pub fn at(&self, temperature: f64) -> Self {
        let logits = self.logits().iter().map(|z| (f64::from(*z) / temperature) as f32).collect();
        Self::from_logits(logits, self.labels().to_vec(), self.classes())
    }

    /// The 15 bins of the calibration error, from 0 to 1.
    pub fn bins(&self) -> Vec<Bin> {
        let mut error = CalibrationError::default();
        self.measure(None, &mut [&mut error]);
        error.bins()
    }

    /// The temperature in `[0.05, 20]` with the lowest mean −log p. As a function of 1/T this mean is
    /// convex, so a golden-section search over log T finds it.
    pub fn best_temperature(&self) -> f64 {
        let ratio = (5_f64.sqrt() - 1.0) / 2.0;
        let nll = |log_t: f64| {
            let scaled = self.at(log_t.exp());
            let rows = scaled.rows().zip(scaled.labels());
            rows.map(|(row, label)| -log_softmax(row)[*label as usize]).sum::<f64>()
        };
        let [mut low, mut high] = RANGE.map(f64::ln);
        let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
        let (mut at_a, mut at_b) = (nll(a), nll(b));
        while high - low > 1e-4 {
            if at_a <= at_b {
                (high, b, at_b) = (b, a, at_a);
                a = high - ratio * (high - low);
                at_a = nll(a);
            } else {
                (low, a, at_a) = (a, b, at_b);
                b = low + ratio * (high - low);
                at_b = nll(b);
            }
        }
        f64::midpoint(low, high).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says 0.9 for the first class of two and is right three times of four.
    fn too_sure() -> Predictions {
        let logits = [0.9_f32.ln(), 0.1_f32.ln()].repeat(4);
        Predictions::from_logits(logits, vec![0, 0, 0, 1], 2)
    }

    #[test]
    fn a_network_that_is_too_sure_is_cooled_to_how_often_it_is_right() {
        // p = 3/4 has the logit ln 3; ln 9 divided by T = 2 is that.
        let temperature = too_sure().best_temperature();
        assert!((temperature - 2.0).abs() < 1e-3, "{temperature}");
        let calibration = Calibration::of(&too_sure(), &too_sure());
        assert!((calibration.ece - 0.15).abs() < 1e-6);
        assert!(calibration.ece_scaled < 1e-3);
        let entropy = -(0.75 * 0.75_f64.ln() + 0.25 * 0.25_f64.ln());
        assert!((calibration.nll_scaled - entropy).abs() < 1e-5);
        assert!(calibration.nll > calibration.nll_scaled);
    }

    #[test]
    fn the_temperature_stays_in_its_range() {
        let always = |right: i32| {
            Predictions::from_logits([1.0, 0.0].repeat(3), vec![right; 3], 2).best_temperature()
        };
        assert!((always(0) - 0.05).abs() < 1e-3);
        assert!((always(1) - 20.0).abs() < 1e-2);
    }
}
