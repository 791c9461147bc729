//! Cross entropy with the labels whose classes have weights.
//!
//! L = −Σ_b [(1 − ε)·w_y log p_s(y) + ε/C · Σ_c w_c log p_s(c)] / Σ_b w_y   [nats]
//!
//! Needs: labels. PyTorch's `CrossEntropyLoss(weight=w, label_smoothing=ε)` with its mean: the sum is divided by the
//! weights of the labels in the batch, not by their number. A batch, or micro-batch, whose labels all have weight 0
//! has the loss 0, where PyTorch has NaN.

use burn::tensor::{Bool, Tensor, TensorData, activation::log_softmax};
use distill_objective::{ConfigError, CrossEntropyConfig, Inputs, SignalError, Term};

/// Cross entropy with the labels, each counted by the weight of its class.
#[derive(Debug, Clone)]
pub(crate) struct ClassWeighted {
    name: &'static str,
    formula: String,
    label_smoothing: f64,
    /// By class; empty where they are not known yet, and then 1.
    weights: Vec<f64>,
}

impl ClassWeighted {
    /// The term `config` with a weight for each class, which its formula calls `called`.
    ///
    /// # Errors
    /// [`ConfigError`] for a value out of its range.
    pub(crate) fn new(
        config: &CrossEntropyConfig,
        weights: Vec<f64>,
        called: &str,
    ) -> Result<Self, ConfigError> {
        let plain = config.build()?;
        let formula = match plain.formula().strip_suffix(')') {
            Some(settings) => format!("{settings}, {called})"),
            None => format!("{}({called})", plain.formula()),
        };
        Ok(Self { name: plain.name(), formula, label_smoothing: config.label_smoothing, weights })
    }
}

impl Term for ClassWeighted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn formula(&self) -> String {
        self.formula.clone()
    }

    fn forward(&self, Inputs { signals, .. }: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        let log_p = log_softmax(signals.student_logits(self.name)?, 1);
        let [_, classes] = log_p.dims();
        let mut weights = self.weights.clone();
        weights.resize(classes, 1.0);
        let weights = TensorData::new(weights, [classes]);
        let weights = Tensor::<1>::from_data(weights, (&signals.device(), log_p.dtype()));
        let labels = signals.labels(self.name)?;
        let mut of_labels = weights.clone().select(0, labels.clone());
        let mut counts = Tensor::ones_like(&of_labels);
        if let Some(mask) = signals.mask() {
            counts = mask.float().cast(log_p.dtype());
            of_labels = of_labels * counts.clone();
        }
        let sum = of_labels.clone().sum();
        let none: Tensor<1, Bool> = sum.clone().equal_elem(0.0);
        let sum = sum.mask_fill(none, f32::INFINITY);
        let column = |values: Tensor<1>| values.unsqueeze_dim::<2>(1);
        let of_label = log_p.clone().gather(1, labels.unsqueeze_dim(1));
        let hard = (of_label.neg() * column(of_labels)).sum() / sum.clone();
        if self.label_smoothing == 0.0 {
            return Ok(hard);
        }
        let of_all = (log_p.neg() * weights.unsqueeze_dim::<2>(0)).mean_dim(1);
        let smooth = (of_all * column(counts)).sum() / sum;
        Ok(hard * (1.0 - self.label_smoothing) + smooth * self.label_smoothing)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Int};
    use distill_objective::{Objective, Signals};
    use distill_testkit::values;

    use super::*;

    const LOGITS: [[f32; 3]; 4] =
        [[2.0, -1.0, 0.5], [0.1, 0.2, -0.3], [-1.5, 3.0, 1.0], [0.0, 0.0, 0.0]];

    fn objective(weights: &[f64], label_smoothing: f64) -> Objective {
        let config = CrossEntropyConfig { label_smoothing, ..Default::default() };
        let term = ClassWeighted::new(&config, weights.to_vec(), "w_y").expect("in range");
        Objective::of(vec![(1.0.into(), Box::new(term))])
    }

    /// Value and gradient for labels and, where it is given, a mask.
    fn evaluate(
        objective: &Objective,
        labels: [i32; 4],
        mask: Option<[bool; 4]>,
    ) -> (f64, Vec<f64>) {
        let device = Device::flex().autodiff();
        let logits = Tensor::<2>::from_data(LOGITS, &device).require_grad();
        let labels = Tensor::<1, Int>::from_data(labels, &device);
        let mut signals = Signals::new(logits.clone(), labels).expect("one a row");
        if let Some(mask) = mask {
            signals = signals.with_mask(Tensor::from_data(mask, &device)).expect("one a row");
        }
        let total = objective.evaluate(&signals).expect("labels are there").total;
        let gradient = logits.grad(&total.backward()).expect("it learns");
        (values(total.without_autodiff())[0], values(gradient))
    }

    fn assert_close(found: &[f64], expected: &[f64]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 2e-7, "{found} {expected}");
        }
        assert_eq!(found.len(), expected.len());
    }

    /// torch 2 in f64: `CrossEntropyLoss(weight=w, label_smoothing=ε)(LOGITS, [0, 2, 1, 2])`.
    #[test]
    fn values_and_gradients_are_pytorchs() {
        for (weights, smoothing, value, gradient) in [
            (
                [0.5, 2.0, 4.0],
                0.0,
                0.9973091303729941,
                [
                    -0.01020967,
                    0.0018625,
                    0.00834716,
                    0.13725585,
                    0.15169118,
                    -0.28894703,
                    0.00184571,
                    -0.02433101,
                    0.0224853,
                    0.12698413,
                    0.12698413,
                    -0.25396825,
                ],
            ),
            (
                [0.5, 2.0, 4.0],
                0.1,
                1.0241915729158317,
                [
                    0.00543473,
                    -0.00386587,
                    -0.00156886,
                    0.12937766,
                    0.13838946,
                    -0.26776712,
                    0.00027379,
                    -0.01024806,
                    0.00997427,
                    0.11957672,
                    0.11481481,
                    -0.23439153,
                ],
            ),
            (
                [1.0, 0.0, 3.0],
                0.1,
                1.127522411155205,
                [
                    -0.01736425,
                    0.00577376,
                    0.01159049,
                    0.14107244,
                    0.16117188,
                    -0.30224432,
                    -0.00457733,
                    0.01661452,
                    -0.01203718,
                    0.13015873,
                    0.13492063,
                    -0.26507937,
                ],
            ),
        ] {
            let found = evaluate(&objective(&weights, smoothing), [0, 2, 1, 2], None);
            assert_close(&[found.0], &[value]);
            assert_close(&found.1, &gradient);
        }
    }

    #[test]
    fn weights_that_are_all_the_same_change_nothing() {
        let plain = CrossEntropyConfig { label_smoothing: 0.1, ..Default::default() };
        let plain = plain.build().expect("in range");
        let plain = Objective::of(vec![(1.0.into(), Box::new(plain))]);
        for mask in [None, Some([true, false, true, true])] {
            let expected = evaluate(&plain, [0, 2, 1, 2], mask);
            for weights in [&[3.0; 3][..], &[]] {
                let found = evaluate(&objective(weights, 0.1), [0, 2, 1, 2], mask);
                assert_close(&[found.0], &[expected.0]);
                assert_close(&found.1, &expected.1);
            }
        }
    }

    #[test]
    fn a_batch_whose_classes_all_have_weight_0_has_no_loss_and_no_gradient() {
        for smoothing in [0.0, 0.1] {
            let (value, gradient) = evaluate(&objective(&[1.0, 0.0, 3.0], smoothing), [1; 4], None);
            assert_eq!(value, 0.0);
            assert!(gradient.iter().all(|g| *g == 0.0), "{gradient:?}");
        }
    }

    #[test]
    fn the_formula_says_that_classes_have_weights() {
        assert_eq!(objective(&[1.0], 0.0).formula(), "1.00·CE(w_y)");
        assert_eq!(objective(&[1.0], 0.1).formula(), "1.00·CE(ε=0.10, w_y)");
        assert_eq!(objective(&[1.0], 0.1).names(), ["cross-entropy"]);
    }
}
