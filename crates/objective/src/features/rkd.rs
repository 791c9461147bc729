//! Relational knowledge distillation (RKD): distances of pairs and angles of triples of samples.
//!
//! L = Σ_pairs α·mean_{ij} h(d_s − d_t) + β·mean_{ijk} h(cos_s − cos_t)
//!
//! d(i,j) = ‖f_i − f_j‖ divided by its mean over all i ≠ j; cos(i,j,k): of the angle at f_i between f_j and
//! f_k; h: Huber's loss with δ = 1; f: features averaged over the map.
//!
//! Needs: features of both networks, of any sizes. It takes memory for batch² · channels numbers, the angles for
//! batch³ more. Paper: Park et al. 2019, arXiv:1904.05068, section 3. Reference: RepDistiller's `RKD.py`. There
//! 1e-12 bounds a squared distance from below; here it is added to it, so that features that coincide have a
//! gradient.

use burn::tensor::Tensor;

use super::maps::{pooled, unit};
use crate::{
    ConfigError, Inputs, Places, Rule, SignalError, Term, TermInfo,
    config::{check_factors, config},
    formula,
    range::squares_in_range,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "rkd",
    formula: "Σ α·mean_ij h(d_s − d_t) + β·mean_ijk h(cos_s − cos_t)",
    needs: "features",
    source: "Park et al. 2019, arXiv:1904.05068 (RKD)",
};

config! {
    /// Configuration of [`Rkd`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | the deepest of each | pairs of [student, teacher] |
    /// | `distance` | 25 | `[0, 1e9]` |
    /// | `angle` | 50 | `[0, 1e9]` |
    /// | `weight` | 1 | `[0, ∞)` |
    RkdConfig {
        taps,
        /// Factor α of the distances.
        distance: f64 = 25.0,
        /// Factor β of the angles.
        angle: f64 = 50.0,
        weight = 1.0,
    }
}

impl RkdConfig {
    /// Checks the ranges and makes the term.
    ///
    /// # Errors
    /// [`ConfigError`] for a factor out of its range, and for two factors of zero.
    pub fn build(&self) -> Result<Rkd, ConfigError> {
        let (distance, angle) = (self.distance, self.angle);
        check_factors([("distance", distance), ("angle", angle)])?;
        Ok(Rkd { taps: self.taps.clone(), distance, angle })
    }
}

/// Differences of distances and angles.
#[derive(Debug, Clone)]
pub struct Rkd {
    taps: Vec<[String; 2]>,
    distance: f64,
    angle: f64,
}

impl Term for Rkd {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn formula(&self) -> String {
        let [distance, angle] = [self.distance, self.angle].map(formula::weight);
        format!("rkd({distance}·distance + {angle}·angle)")
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::Deepest))
    }

    fn forward(&self, inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        Ok(inputs.sum(|pair| {
            let apart = pair.map(|map| differences(squares_in_range(pooled(map))));
            let mut sum = None;
            for (factor, relation) in
                [(self.distance, distances as fn(Tensor<3>) -> Tensor<2>), (self.angle, angles)]
            {
                if factor > 0.0 {
                    let [student, teacher] = apart.clone().map(relation);
                    let part = huber(student - teacher).mean() * factor;
                    sum = Some(sum.map_or(part.clone(), |sum: Tensor<1>| sum + part));
                }
            }
            sum.expect("one factor is above zero")
        }))
    }
}

/// Differences of all pairs of rows, `[rows, columns]` to `[rows, rows, columns]`: from the first one to the other.
/// Between rows that are near each other they are exact; `‖a‖² + ‖b‖² − 2ab` is not.
fn differences(features: Tensor<2>) -> Tensor<3> {
    let [rows, columns] = features.dims();
    let from = features.clone().reshape([rows, 1, columns]);
    features.reshape([1, rows, columns]) - from
}

/// Distances of all pairs of rows, their mean over different rows 1, `[rows, rows, columns]` to `[rows, rows]`.
fn distances(apart: Tensor<3>) -> Tensor<2> {
    let [rows, ..] = apart.dims();
    let gap = apart.powi_scalar(2).sum_dim(2).reshape([rows, rows]);
    let same = Tensor::<2>::eye(rows, &gap.device()).greater_elem(0.5);
    let distances = (gap + 1e-12).sqrt().mask_fill(same, 0.0);
    let pairs = (rows * (rows - 1)).max(1) as f64;
    let mean = (distances.clone().sum() * pairs.recip()).clamp_min(1e-30);
    distances / mean.reshape([1, 1])
}

/// Cosines of the angles of all triples, `[rows, rows, columns]` to `[rows · rows, rows]`: at the first one, between
/// the others.
fn angles(apart: Tensor<3>) -> Tensor<2> {
    let [rows, ..] = apart.dims();
    let directions = unit(apart, 2);
    directions.clone().matmul(directions.transpose()).reshape([rows * rows, rows])
}

/// x²/2 up to 1, |x| − 1/2 beyond.
fn huber(x: Tensor<2>) -> Tensor<2> {
    let size = x.abs();
    let near = size.clone().clamp_max(1.0);
    near.clone() * (size - near * 0.5)
}
