//! Weights of connectors by name.

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Tensor, TensorData},
};

use super::{Connector, Connectors, Layer};
use crate::ConfigError;

impl Connectors {
    /// Name and values of every weight, in the precision that it has: `hint.0.conv.weight` is of the first pair of
    /// features of the term `hint`. Of several layers of one kind in a pair the later ones get a number: `conv-2`.
    ///
    /// Convolutions have `weight`, `[outputs, inputs, height, width]`, and may have `bias`; norms `gamma` and `beta`;
    /// linear layers `weight`, `[inputs, outputs]`, and `bias`. Vectors and matrices have no field: `vid.0.vector`.
    pub fn weights(&self) -> Vec<(String, TensorData)> {
        let mut read = Read(Vec::new());
        self.visit(&mut read);
        self.names().into_iter().zip(read.0).collect()
    }

    /// The same connectors with these weights, all of them, under the names of [`weights`](Self::weights). Their
    /// numbers are brought to the connectors' type and device.
    ///
    /// # Errors
    /// [`ConfigError`] with the name of a weight that is missing, that there is no place for, or of another shape.
    pub fn with_weights(
        self,
        weights: impl IntoIterator<Item = (String, TensorData)>,
    ) -> Result<Self, ConfigError> {
        let mut given: BTreeMap<String, TensorData> = weights.into_iter().collect();
        let mut ordered = Vec::new();
        for (name, own) in self.weights() {
            let expected = format!("a tensor of shape {:?}", own.shape().to_vec());
            match given.remove(&name) {
                None => return Err(ConfigError::new(&name, "missing", expected)),
                Some(values) if values.shape() != own.shape() => {
                    let found = format!("{:?}", values.shape().to_vec());
                    return Err(ConfigError::new(&name, found, expected));
                }
                Some(values) => ordered.push(values),
            }
        }
        if let Some(name) = given.keys().next() {
            let expected = format!("one of {}", self.names().join(", "));
            return Err(ConfigError::new("weights", name, expected));
        }
        ordered.reverse();
        Ok(self.map(&mut Write(ordered)))
    }

    /// Names in the order in which a module's visitor sees the parameters.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (index, connector) in self.of_terms.iter().enumerate() {
            let term = self.terms.get(index).cloned().unwrap_or_else(|| format!("term-{index}"));
            for (pair, layers) in parts(connector) {
                names.extend(of_layers(layers).map(|name| format!("{term}.{pair}.{name}")));
            }
        }
        names
    }
}

fn parts(connector: &Option<Connector>) -> impl Iterator<Item = (usize, &Vec<Layer>)> {
    connector.iter().flat_map(|connector| connector.parts.iter().enumerate())
}

fn of_layers(layers: &[Layer]) -> impl Iterator<Item = String> {
    let mut seen = BTreeMap::new();
    layers.iter().flat_map(move |layer| {
        let (kind, fields): (_, &[&str]) = match layer {
            Layer::Conv(conv) if conv.has_bias() => ("conv", &["weight", "bias"]),
            Layer::Conv(_) => ("conv", &["weight"]),
            Layer::Norm(_) => ("norm", &["gamma", "beta"]),
            Layer::Linear(_) => ("linear", &["weight", "bias"]),
            Layer::Vector(_) => ("vector", &[]),
            Layer::Matrix(_) => ("matrix", &[]),
        };
        let count = seen.entry(kind).or_insert(0);
        *count += 1;
        let layer = if *count == 1 { kind.to_owned() } else { format!("{kind}-{count}") };
        match fields {
            [] => vec![layer],
            fields => fields.iter().map(|field| format!("{layer}.{field}")).collect(),
        }
    })
}

struct Read(Vec<TensorData>);

impl ModuleVisitor for Read {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data());
    }
}

/// What is still to be written, the next one last.
struct Write(Vec<TensorData>);

impl ModuleMapper for Write {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let values = self.0.pop().expect("as many values as parameters");
        param.map(|old| {
            let new = Tensor::<D>::from_data(values, (&old.device(), old.dtype()));
            new.set_require_grad(old.is_require_grad())
        })
    }
}
