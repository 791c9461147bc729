//! Batch norm with what stands behind it in a network: a sum with another value, a nonlinearity, and
//! pooling of 2x2 pixels, in one pass over the maps.

mod apply;
mod gradient;
mod statistics;
mod units;

pub(crate) use apply::apply;
pub(crate) use gradient::gradients;
pub(crate) use statistics::{channel_sums, statistics};

use super::{lanes::LANES, map::Map};
use crate::Activation;

/// y = pool(activation(scale · x + shift + residual)), by channel.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    /// The maps that go in.
    pub(crate) map: Map,
    /// By channel, filled up to whole vectors.
    scale: Vec<f32>,
    /// By channel, filled up to whole vectors.
    shift: Vec<f32>,
    pub(crate) activation: Activation,
    /// Whether the largest of each 2x2 pixels is kept. A last odd row and column are left out.
    pub(crate) pool: bool,
}

impl Layer {
    /// A norm by these statistics: scale = γ/√(variance + ε), shift = β − mean·scale.
    pub(crate) fn new(
        map: Map,
        [gamma, beta]: [&[f32]; 2],
        [mean, variance]: [&[f32]; 2],
        epsilon: f64,
    ) -> Self {
        let mut scale = vec![0.0; map.channels.next_multiple_of(LANES)];
        let mut shift = scale.clone();
        for channel in 0..map.channels {
            let by = f64::from(gamma[channel]) / (f64::from(variance[channel]) + epsilon).sqrt();
            scale[channel] = by as f32;
            shift[channel] = (f64::from(beta[channel]) - f64::from(mean[channel]) * by) as f32;
        }
        Self { map, scale, shift, activation: Activation::Identity, pool: false }
    }

    /// The maps that come out.
    pub(crate) fn output(&self) -> Map {
        match self.pool {
            true => Map { height: self.map.height / 2, width: self.map.width / 2, ..self.map },
            false => self.map,
        }
    }

    /// The scale of each channel.
    pub(crate) fn scale(&self) -> &[f32] {
        &self.scale[..self.map.channels]
    }

    /// The shift of each channel.
    pub(crate) fn shift(&self) -> &[f32] {
        &self.shift[..self.map.channels]
    }
}
