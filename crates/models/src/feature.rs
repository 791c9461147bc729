//! Features of a network: values at named places.

use burn::tensor::Tensor;

/// Features of a network at a named place.
#[derive(Debug, Clone)]
pub struct Feature {
    /// Place in the network: `block1`, `layer2`, `hidden2`.
    pub name: String,
    /// The values, `[batch, width, rows, columns]`: the channels of a map, the units of a layer
    /// (`[batch, units, 1, 1]`), the vectors of a sequence (`[batch, width, 1, length]`).
    pub values: Tensor<4>,
    /// Rows and columns of the places; `None` for a sequence.
    pub grid: Option<[usize; 2]>,
}

impl Feature {
    /// The values place by place, `[batch, places, width]`, row by row of a grid.
    pub fn places(&self) -> Tensor<3> {
        let [batch, width, rows, columns] = self.values.dims();
        self.values.clone().permute([0, 2, 3, 1]).reshape([batch, rows * columns, width])
    }
}
