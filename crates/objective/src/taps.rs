//! Named places of networks: the features there and their shapes.

use burn::tensor::{DType, Device, Tensor};

use crate::SignalError;

/// Features of a network at named places, shallow to deep.
///
/// Each is a map `[batch, channels, height, width]`, a sequence `[batch, places, width]` or a vector
/// `[batch, width]`, collected from pairs of a name and a tensor.
///
/// A name that ends in `.preact` holds values in front of the activation, as
/// [overhaul](crate::OverhaulConfig) and [review](crate::ReviewConfig) want them.
#[derive(Debug, Clone, Default)]
pub struct Features(Vec<(String, FeatureValues)>);

/// Values at one place.
#[derive(Debug, Clone)]
pub struct FeatureValues {
    /// `[batch, width, rows, columns]`; of a sequence `[batch, width, 1, places]`.
    values: Tensor<4>,
    is_grid: bool,
}

/// Name and shape of a place in a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TapShape {
    /// Its name.
    pub name: String,
    /// Numbers of a place: channels of a map, units of a layer.
    pub width: usize,
    /// Number of places.
    pub places: usize,
    /// Rows and columns of the places; `None` for a sequence.
    pub grid: Option<[usize; 2]>,
}

impl FeatureValues {
    /// A map `[batch, width, rows, columns]` whose places are a grid, or a sequence where they are not.
    pub fn new(values: Tensor<4>, grid: Option<[usize; 2]>) -> Self {
        Self { values, is_grid: grid.is_some() }
    }
}

impl From<Tensor<4>> for FeatureValues {
    fn from(map: Tensor<4>) -> Self {
        Self { values: map, is_grid: true }
    }
}

impl From<Tensor<3>> for FeatureValues {
    fn from(sequence: Tensor<3>) -> Self {
        let [batch, places, width] = sequence.dims();
        let shape = [batch, width, 1, places];
        // Burn reshapes no tensor without numbers; a loss refuses it by its shape.
        let values = match shape.contains(&0) {
            true => Tensor::zeros(shape, (&sequence.device(), sequence.dtype())),
            false => sequence.swap_dims(1, 2).reshape(shape),
        };
        Self { values, is_grid: false }
    }
}

impl From<Tensor<2>> for FeatureValues {
    fn from(vectors: Tensor<2>) -> Self {
        vectors.unsqueeze_dims::<4>(&[2, 3]).into()
    }
}

impl TapShape {
    /// The shape of a map `[channels, height, width]`.
    pub fn map(name: impl Into<String>, [channels, height, width]: [usize; 3]) -> Self {
        let grid = Some([height, width]);
        Self { name: name.into(), width: channels, places: height * width, grid }
    }

    /// The shape of a sequence of `places` vectors of `width` numbers.
    pub fn sequence(name: impl Into<String>, width: usize, places: usize) -> Self {
        Self { name: name.into(), width, places, grid: None }
    }

    /// `[width, rows, columns]`; of a sequence `[width, 1, places]`.
    pub fn dims(&self) -> [usize; 3] {
        let [rows, columns] = self.grid.unwrap_or([1, self.places]);
        [self.width, rows, columns]
    }
}

impl Features {
    /// Name and shape of each.
    pub fn shapes(&self) -> Vec<TapShape> {
        let mut shapes = Vec::new();
        for (name, FeatureValues { values, is_grid }) in &self.0 {
            let [_, width, rows, columns] = values.dims();
            shapes.push(match is_grid {
                true => TapShape::map(name, [width, rows, columns]),
                false => TapShape::sequence(name, width, columns),
            });
        }
        shapes
    }

    pub(crate) fn map(mut self, change: impl Fn(Tensor<4>) -> Tensor<4>) -> Self {
        for (_, feature) in &mut self.0 {
            feature.values = change(feature.values.clone());
        }
        self
    }

    /// Samples of the batch, of the first features.
    pub(crate) fn batch(&self) -> Option<usize> {
        self.0.first().map(|(_, feature)| feature.values.dims()[0])
    }

    /// Type of the first features.
    pub(crate) fn dtype(&self) -> Option<DType> {
        self.0.first().map(|(_, feature)| feature.values.dtype())
    }

    /// Device of the first features.
    pub(crate) fn device(&self) -> Option<Device> {
        self.0.first().map(|(_, feature)| feature.values.device())
    }

    pub(crate) fn get(
        &self,
        name: &str,
        term: &str,
        network: &'static str,
    ) -> Result<Tensor<4>, SignalError> {
        let found = self.0.iter().find(|(other, _)| other == name);
        found.map(|(_, feature)| feature.values.clone()).ok_or_else(|| {
            let known: Vec<&str> = self.0.iter().map(|(name, _)| name.as_str()).collect();
            SignalError::NoFeatures {
                term: term.to_owned(),
                name: name.to_owned(),
                network,
                known: if known.is_empty() { "nothing".to_owned() } else { known.join(", ") },
            }
        })
    }
}

impl<S: Into<String>, V: Into<FeatureValues>> FromIterator<(S, V)> for Features {
    fn from_iter<I: IntoIterator<Item = (S, V)>>(features: I) -> Self {
        Self(features.into_iter().map(|(name, values)| (name.into(), values.into())).collect())
    }
}

impl<S: Into<String>, V: Into<FeatureValues>, const N: usize> From<[(S, V); N]> for Features {
    fn from(features: [(S, V); N]) -> Self {
        features.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use distill_testkit::values;

    use super::*;

    #[test]
    fn maps_sequences_and_vectors_are_features_as_they_are() {
        let device = Device::flex();
        let map = Tensor::<4>::zeros([2, 3, 4, 5], &device);
        let sequence = Tensor::<3>::from_data([[[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]], &device);
        let vectors = Tensor::<2>::zeros([2, 7], &device);
        let features: Features = [
            ("map", FeatureValues::from(map)),
            ("tokens", sequence.into()),
            ("pooled", vectors.into()),
        ]
        .into_iter()
        .collect();
        let expected = [
            TapShape::map("map", [3, 4, 5]),
            TapShape::sequence("tokens", 2, 3),
            TapShape::map("pooled", [7, 1, 1]),
        ];
        assert_eq!(features.shapes(), expected);
        let sequence = features.get("tokens", "hint", "student").unwrap();
        assert_eq!(values(sequence), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0], "width by places");
    }
}
