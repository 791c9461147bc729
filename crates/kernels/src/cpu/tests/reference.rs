//! What the kernels compute, written down plainly and in double precision.

use crate::{
    Activation,
    cpu::{map::Map, shape::Shape},
};

/// Output of a convolution, and gradients of its map and weights for the gradient `dy`.
pub(super) fn convolution(
    x: &[f32],
    map: Map,
    weights: &[f32],
    shape: Shape,
    dy: &[f32],
) -> [Vec<f64>; 3] {
    let out = shape.output(map);
    let (inputs, outputs) = (shape.inputs / shape.groups, shape.outputs / shape.groups);
    let mut y = vec![0.0; out.length()];
    let mut dx = vec![0.0; map.length()];
    let mut dw = vec![0.0; weights.len()];
    for (pixel, to) in (0..out.pixels()).zip((0..).step_by(out.channels)) {
        let (image, place) = (pixel / (out.height * out.width), pixel % (out.height * out.width));
        let (row, column) = (place / out.width, place % out.width);
        for window in 0..shape.kernel * shape.kernel {
            let (down, right) = (window / shape.kernel, window % shape.kernel);
            let above = (row * shape.stride + down).checked_sub(shape.padding);
            let left = (column * shape.stride + right).checked_sub(shape.padding);
            let (Some(above), Some(left)) = (above, left) else { continue };
            if above >= map.height || left >= map.width {
                continue;
            }
            for output in 0..shape.outputs {
                let from = map.at(image, above, left) + output / outputs * inputs;
                let gradient = f64::from(dy[to + output]);
                for input in 0..inputs {
                    let at = (output * inputs + input) * shape.kernel * shape.kernel + window;
                    let (value, weight) = (f64::from(x[from + input]), f64::from(weights[at]));
                    y[to + output] += value * weight;
                    dx[from + input] += gradient * weight;
                    dw[at] += gradient * value;
                }
            }
        }
    }
    [y, dx, dw]
}

/// A norm by the batch's statistics and what follows it: output, and gradients of x, γ, β and the
/// residual for the gradient `dy`.
pub(super) struct Norm<'a> {
    pub(super) x: &'a [f32],
    pub(super) map: Map,
    pub(super) gamma: &'a [f32],
    pub(super) beta: &'a [f32],
    pub(super) residual: Option<&'a [f32]>,
    pub(super) activation: Activation,
    pub(super) pool: bool,
    pub(super) epsilon: f64,
}

impl Norm<'_> {
    pub(super) fn statistics(&self) -> (Vec<f64>, Vec<f64>) {
        let (count, channels) = (self.map.pixels() as f64, self.map.channels);
        let of = |channel: usize, f: &dyn Fn(f64) -> f64| {
            let values = self.x.iter().skip(channel).step_by(channels);
            values.map(|x| f(f64::from(*x))).sum::<f64>() / count
        };
        let mean: Vec<f64> = (0..channels).map(|c| of(c, &|x| x)).collect();
        let variances = (0..channels).map(|c| of(c, &|x| (x - mean[c]).powi(2))).collect();
        (mean, variances)
    }

    pub(super) fn run(
        &self,
        dy: impl FnOnce(usize) -> Vec<f32>,
    ) -> (Vec<f64>, Vec<f32>, [Vec<f64>; 4]) {
        let (map, channels) = (self.map, self.map.channels);
        let (mean, variance) = self.statistics();
        let deviation: Vec<f64> = variance.iter().map(|v| (v + self.epsilon).sqrt()).collect();
        let hat =
            |at: usize| (f64::from(self.x[at]) - mean[at % channels]) / deviation[at % channels];
        let z: Vec<f64> = (0..map.length())
            .map(|at| {
                let normed = f64::from(self.gamma[at % channels]) * hat(at)
                    + f64::from(self.beta[at % channels]);
                normed + self.residual.map_or(0.0, |residual| f64::from(residual[at]))
            })
            .collect();
        // Which number of the maps each number of the output is.
        let sources: Vec<usize> = if self.pool {
            let (height, width) = (map.height / 2, map.width / 2);
            (0..map.batch * height * width * channels)
                .map(|at| {
                    let (pixel, channel) = (at / channels, at % channels);
                    let (image, place) = (pixel / (height * width), pixel % (height * width));
                    let (row, column) = (2 * (place / width), 2 * (place % width));
                    let of = |down, right| map.at(image, row + down, column + right) + channel;
                    let window = [of(0, 0), of(0, 1), of(1, 0), of(1, 1)];
                    window.into_iter().reduce(|a, b| if z[b] > z[a] { b } else { a }).unwrap_or(0)
                })
                .collect()
        } else {
            (0..map.length()).collect()
        };
        let y: Vec<f64> = sources.iter().map(|at| active(self.activation, z[*at])).collect();
        let dy = dy(y.len());
        let mut g = vec![0.0; map.length()];
        for (source, dy) in sources.iter().zip(&dy) {
            g[*source] += f64::from(*dy) * slope(self.activation, z[*source]);
        }
        let mut gamma = vec![0.0; channels];
        let mut beta = vec![0.0; channels];
        for (at, g) in g.iter().enumerate() {
            gamma[at % channels] += g * hat(at);
            beta[at % channels] += g;
        }
        let count = map.pixels() as f64;
        let dx = (0..map.length())
            .map(|at| {
                let c = at % channels;
                let centred = g[at] - beta[c] / count - hat(at) * gamma[c] / count;
                f64::from(self.gamma[c]) / deviation[c] * centred
            })
            .collect();
        (y, dy, [dx, gamma, beta, g])
    }
}

fn active(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Identity => z,
        Activation::Relu => z.max(0.0),
        Activation::Relu6 => z.clamp(0.0, 6.0),
    }
}

/// The activation's derivative.
fn slope(activation: Activation, z: f64) -> f64 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Relu => f64::from(u8::from(z > 0.0)),
        Activation::Relu6 => f64::from(u8::from(z > 0.0 && z < 6.0)),
    }
}
