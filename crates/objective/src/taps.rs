//! Named places of networks: the features there and their shapes.

use burn::tensor::Tensor;

use crate::SignalError;

/// What a network has at named places, shallow to deep: maps `[batch, channels, height, width]`. What has no
/// height and width is `[batch, units, 1, 1]`; tokens are `[batch, units, tokens, 1]`.
///
/// A name that ends in `.preact` holds values in front of the activation, as
/// [overhaul](crate::OverhaulConfig) and [review](crate::ReviewConfig) want them.
#[derive(Debug, Clone, Default)]
pub struct Features(Vec<(String, Tensor<4>)>);

impl Features {
    /// Name and shape of each.
    pub fn shapes(&self) -> Vec<TapShape> {
        let shapes = self.0.iter().map(|(name, map)| {
            let [_, channels, height, width] = map.dims();
            TapShape { name: name.clone(), channels, height, width }
        });
        shapes.collect()
    }

    pub(crate) fn map(self, change: impl Fn(Tensor<4>) -> Tensor<4>) -> Self {
        Self(self.0.into_iter().map(|(name, map)| (name, change(map))).collect())
    }

    pub(crate) fn get(&self, name: &str, network: &'static str) -> Result<Tensor<4>, SignalError> {
        let found = self.0.iter().find(|(other, _)| other == name).map(|(_, map)| map.clone());
        found.ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
            SignalError::NoFeatures { name: name.to_owned(), network, known: known.join(", ") }
        })
    }
}

impl<S: Into<String>> FromIterator<(S, Tensor<4>)> for Features {
    fn from_iter<I: IntoIterator<Item = (S, Tensor<4>)>>(maps: I) -> Self {
        Self(maps.into_iter().map(|(name, map)| (name.into(), map)).collect())
    }
}

/// Name and shape of a place in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapShape {
    /// Its name.
    pub name: String,
    /// Channels or units.
    pub channels: usize,
    /// Height of the map.
    pub height: usize,
    /// Width of the map.
    pub width: usize,
}
