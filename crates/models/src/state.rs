//! A network's numbers by name, as PyTorch names and lays them out.

use std::collections::VecDeque;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId},
    tensor::{Tensor, TensorData},
};

use crate::{
    Graph, ModelError, Network,
    graph::{Draw, Parameter},
};

/// Name and shape of a tensor of the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// `layer1.0.conv1.weight`.
    pub(crate) name: String,
    /// PyTorch's: a linear layer's weight is `[outputs, inputs]`.
    pub(crate) shape: Vec<usize>,
    /// Distribution of its initial values.
    pub(crate) draw: Draw,
    /// Whether the module keeps it transposed.
    pub(crate) transposed: bool,
}

impl Entry {
    /// Identity of the parameter, which an optimizer's state is kept under: FNV-1a of the name, so
    /// that a network that is built again, or read from any file, has the identities that it had.
    pub(crate) fn id(&self) -> ParamId {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in self.name.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        ParamId::from(hash)
    }
}

/// A tensor of the state.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) entry: Entry,
    /// In PyTorch's layout, `f32`.
    pub(crate) data: TensorData,
}

impl Graph {
    /// The state's names and shapes, in the order in which the module visits its parameters.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let mut entries = Vec::new();
        for node in &self.nodes {
            for Parameter { field, shape, draw, transposed } in node.op.parameters() {
                let name = format!("{}.{field}", node.name);
                entries.push(Entry { name, shape, draw, transposed });
            }
        }
        entries
    }
}

impl Network {
    /// Every tensor of the state, read back from the device.
    pub(crate) fn state(&self) -> Vec<Item> {
        let entries = self.graph().entries().into_iter();
        let mut reader = Reader { entries, items: Vec::new() };
        self.visit(&mut reader);
        assert!(reader.entries.next().is_none(), "the module has every entry of its graph");
        reader.items
    }

    /// The network with the tensors that `give` has for its entries, each in PyTorch's layout.
    ///
    /// # Errors
    /// The first error of `give`.
    pub(crate) fn with_state<E>(
        self,
        give: impl FnMut(&Entry) -> Result<TensorData, E>,
    ) -> Result<Self, E> {
        let entries = self.graph().entries().into_iter();
        let mut writer = Writer { entries, give, error: None };
        let network = self.map(&mut writer);
        match writer.error {
            Some(error) => Err(error),
            None => Ok(network),
        }
    }
}

impl Network {
    /// This network with the weights of another one of the same architecture that tells fewer classes apart: what
    /// is new in the last layer keeps its own initial weights.
    ///
    /// # Errors
    /// [`ModelError::Config`] for a network of another architecture.
    pub fn grown_from(self, smaller: &Self) -> Result<Self, ModelError> {
        let mut own: VecDeque<Item> = self.state().into();
        let mut theirs: VecDeque<Item> = smaller.state().into();
        self.with_state(|entry| {
            let refuse = || ModelError::Config {
                field: "architecture",
                value: entry.name.clone(),
                expected: "the layers of the network whose weights it takes".to_owned(),
            };
            let (Some(own), Some(theirs)) = (own.pop_front(), theirs.pop_front()) else {
                return Err(refuse());
            };
            let ([rows, inner @ ..], [fewer, same @ ..]) =
                (&entry.shape[..], &theirs.entry.shape[..])
            else {
                return Err(refuse());
            };
            if theirs.entry.name != entry.name || inner != same || fewer > rows {
                return Err(refuse());
            }
            // Outputs are rows of PyTorch's layout.
            let values = theirs
                .data
                .iter::<f32>()
                .chain(own.data.iter::<f32>().skip(theirs.data.num_elements()));
            Ok(TensorData::new(values.collect::<Vec<f32>>(), entry.shape.clone()))
        })
    }
}

struct Reader<I> {
    entries: I,
    items: Vec<Item>,
}

impl<I: Iterator<Item = Entry>> ModuleVisitor for Reader<I> {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let entry = self.entries.next().expect("the graph has every parameter of its module");
        let data = param.transform_for_save().val().into_data().convert::<f32>();
        let data = if entry.transposed { transposed(&data) } else { data };
        self.items.push(Item { entry, data });
    }
}

struct Writer<I, G, E> {
    entries: I,
    give: G,
    error: Option<E>,
}

impl<I, G, E> ModuleMapper for Writer<I, G, E>
where
    I: Iterator<Item = Entry>,
    G: FnMut(&Entry) -> Result<TensorData, E>,
{
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let entry = self.entries.next().expect("the graph has every parameter of its module");
        if self.error.is_some() {
            return param;
        }
        match (self.give)(&entry) {
            Ok(data) => {
                let data = if entry.transposed { transposed(&data) } else { data };
                let value = Tensor::<D>::from_data(data, &param.lazy_device());
                param.transform_for_load(value, entry.id())
            }
            Err(error) => {
                self.error = Some(error);
                param
            }
        }
    }
}

/// Burn keeps `[inputs, outputs]`, PyTorch `[outputs, inputs]`. On the host, so that the tensor that
/// is made of it lies in memory as one that was never saved, and gives the same bits.
fn transposed(data: &TensorData) -> TensorData {
    let (rows, columns) = (data.shape()[0], data.shape()[1]);
    let values: Vec<f32> = data.iter::<f32>().collect();
    let turned = (0..columns)
        .flat_map(|column| values[column..].iter().step_by(columns).take(rows).copied());
    TensorData::new(turned.collect::<Vec<f32>>(), [columns, rows])
}
