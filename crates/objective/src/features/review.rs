//! Knowledge review (ReviewKD): each level of the teacher is learnt from the student's own level and all
//! deeper ones.
//!
//! L = Σ_levels HCL(out, f_t)
//!
//! From the deepest level up: x = BN(conv1x1(f_s)); from the second on, with y the x of the level below at
//! this size (nearest pixel): (a, b) = sigmoid(conv1x1([x, y])), x ← a·x + b·y; x at the teacher's size; out
//! = BN(conv3x3(x)). HCL: the mean squared distance of the maps and of them averaged to 4x4, 2x2 and 1x1
//! where they are larger, weighted 1, 1/2, 1/4, 1/8 and divided by the sum of the weights.
//!
//! Needs: features of both networks, as a rule in front of their activations; the deepest pair, averaged over
//! the map, is a further level unless `pooled = false`. Paper: Chen et al. 2021, arXiv:2104.09044, section 3.
//! Reference: mdistiller's `ReviewKD.py`, whose warm-up over 20 epochs is `weight = { from = 0, to = 1,
//! epochs = 20 }` here.

use burn::tensor::{Tensor, activation::sigmoid, module::adaptive_avg_pool2d};

use super::maps::{check_norm, nearest};
use crate::{
    ConfigError, Connector, Conv, Initial, Inputs, Layer, Norm, Places, Rule, SignalError, Term,
    TermInfo, config::config,
};

pub(crate) const INFO: TermInfo = TermInfo {
    name: "review",
    formula: "Σ HCL(ABF(f_s, deeper levels), f_t)",
    needs: "features before activations, trains fusions",
    source: "Chen et al. 2021, arXiv:2104.09044 (ReviewKD)",
};

config! {
    /// Configuration of [`Review`].
    ///
    /// | Name | Default | Range |
    /// |---|---|---|
    /// | `taps` | pairs with maps of one size before the activation | pairs of [student, teacher], shallow to deep |
    /// | `pooled` | true | |
    /// | `weight` | 1 | `[0, ∞)`; 5 for ResNet-32x4 and wide ResNets, 0.6 for ResNet-56 in the paper |
    ReviewConfig {
        taps from shallow to deep,
        /// Whether the deepest pair, averaged over the map, is a level too.
        pooled: bool = true,
        weight = 1.0,
    }
}

impl ReviewConfig {
    /// Makes the term.
    ///
    /// # Errors
    /// None: it has no range of its own.
    pub fn build(&self) -> Result<Review, ConfigError> {
        Ok(Review { taps: self.taps.clone(), pooled: self.pooled })
    }
}

/// Distances of the teacher's levels from what the student's make together.
#[derive(Debug, Clone)]
pub struct Review {
    taps: Vec<[String; 2]>,
    pooled: bool,
}

/// The reference bounds the channels between the layers.
const MOST_CHANNELS: usize = 512;

impl Review {
    /// Features of both networks, deep to shallow.
    fn levels(&self, mut levels: Vec<[Tensor<4>; 2]>) -> Vec<[Tensor<4>; 2]> {
        if self.pooled {
            let deepest = levels.last().expect("at least one pair").clone();
            levels.push(deepest.map(|map| map.mean_dim(2).mean_dim(3)));
        }
        levels.reverse();
        levels
    }
}

impl Term for Review {
    fn name(&self) -> &'static str {
        INFO.name
    }

    fn places(&self) -> Option<Places> {
        Some(Places::new(&self.taps, Rule::BeforeActivation))
    }

    fn connect(
        &self,
        dry_run: Inputs<'_>,
        initial: &mut Initial,
    ) -> Result<Option<Connector>, SignalError> {
        let levels = self.levels(dry_run.features);
        let between = levels[0][0].dims()[1].min(MOST_CHANNELS);
        let parts = levels.iter().enumerate();
        let parts = parts.map(|(at, pair)| level(pair, between, at == 0, initial)).collect();
        Ok(Some(Connector { parts }))
    }

    fn forward(&self, mut inputs: Inputs<'_>) -> Result<Tensor<1>, SignalError> {
        inputs.features = self.levels(inputs.features);
        inputs.features.iter().flatten().try_for_each(|map| check_norm(INFO.name, map))?;
        let mut below = None;
        inputs.sum_connected(INFO.name, |[student, teacher], layers| {
            let [_, _, height, width] = teacher.dims();
            let (out, x) = through(layers, student, below.take(), [height, width])?;
            below = Some(x);
            Some(hierarchical(out, teacher))
        })
    }
}

/// Layers that make one level of the student's features there and, but for the deepest, of the level below.
fn level(
    [student, teacher]: &[Tensor<4>; 2],
    between: usize,
    is_deepest: bool,
    initial: &mut Initial,
) -> Vec<Layer> {
    let ([_, from, ..], [_, to, ..]) = (student.dims(), teacher.dims());
    let attention =
        (!is_deepest).then(|| Conv::pixelwise(2 * between, 2, initial).with_bias(initial));
    // Uniform in ±√(3/fan_in), kaiming_uniform(a = 1) of the reference, is √3 times our bound.
    let reduce = Conv::pixelwise(from, between, initial).scaled(3_f64.sqrt());
    let expand = Conv::new([to, between, 3, 3], 1, 1, initial).scaled(3_f64.sqrt());
    let mut layers = vec![Layer::Conv(reduce), Layer::Norm(Norm::new(between, initial))];
    layers.extend(attention.map(Layer::Conv));
    layers.extend([Layer::Conv(expand), Layer::Norm(Norm::new(to, initial))]);
    layers
}

/// What is compared with the teacher's map of this `size`, and what the next level is given; nothing where the
/// layers are not those of a [`level`].
fn through(
    layers: &[Layer],
    student: Tensor<4>,
    below: Option<Tensor<4>>,
    size: [usize; 2],
) -> Option<(Tensor<4>, Tensor<4>)> {
    let [
        Layer::Conv(reduce),
        Layer::Norm(reduce_norm),
        attention @ ..,
        Layer::Conv(expand),
        Layer::Norm(expand_norm),
    ] = layers
    else {
        return None;
    };
    let mut x = reduce_norm.forward(reduce.forward(student));
    let [_, channels, height, width] = x.dims();
    if let ([Layer::Conv(attention)], Some(below)) = (attention, below) {
        let below = nearest(below, [height, width]);
        let both = Tensor::cat(vec![x.clone(), below.clone()], 1);
        let shares = sigmoid(attention.forward(both));
        debug_assert_eq!(below.dims()[1], channels);
        x = x * shares.clone().narrow(1, 0, 1) + below * shares.narrow(1, 1, 1);
    }
    let x = nearest(x, size);
    Some((expand_norm.forward(expand.forward(x.clone())), x))
}

/// Squared distance over several sizes of the map.
fn hierarchical(ours: Tensor<4>, theirs: Tensor<4>) -> Tensor<1> {
    let distance = |a: Tensor<4>, b: Tensor<4>| (a - b).powi_scalar(2).mean();
    let height = ours.dims()[2];
    let mut loss = distance(ours.clone(), theirs.clone());
    let (mut weight, mut sum) = (1.0, 1.0);
    for side in [4, 2, 1].into_iter().filter(|side| *side < height) {
        weight /= 2.0;
        sum += weight;
        let smaller = |map: &Tensor<4>| adaptive_avg_pool2d(map.clone(), [side; 2]);
        loss = loss + distance(smaller(&ours), smaller(&theirs)) * weight;
    }
    loss * f64::recip(sum)
}
