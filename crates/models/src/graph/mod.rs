//! A network as data: steps in order, each with the name that PyTorch gives it.
//!
//! An architecture writes its graph once. The network that trains, the count of parameters and
//! multiply-accumulates, the names in files of weights and the ONNX export are all read off it.

mod builder;
mod cuts;
mod footprint;
mod fusion;
mod ops;

pub(crate) use builder::{Builder, Value};
pub use footprint::Footprint;
pub(crate) use fusion::Fusion;
#[cfg(feature = "onnx")]
pub(crate) use ops::{BatchNorm, OnnxNodes, OnnxStep};
pub(crate) use ops::{Call, Conv, Draw, Layer, Op, Parameter, Window};

use crate::{Cost, Signature};

/// A whole network.
#[derive(Debug, Clone, PartialEq)]
pub struct Graph {
    pub(crate) signature: Signature,
    /// In an order in which each step finds its inputs made. The first one is the network's input.
    pub(crate) nodes: Vec<Node>,
    /// Names of the taps, shallow to deep, and the steps that they show.
    pub(crate) taps: Vec<(String, usize)>,
    /// Other names of its weights: parts of names in files, and what they are here.
    pub(crate) aliases: Vec<(String, String)>,
}

/// One step of a graph.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// Name in PyTorch's manner where the step has parameters, otherwise empty.
    pub(crate) name: String,
    pub(crate) op: Op,
    /// Steps whose results it takes.
    pub(crate) inputs: Vec<usize>,
    /// `[channels, height, width]` of its result.
    pub(crate) shape: [usize; 3],
    /// The last step that takes its result.
    pub(crate) last_use: usize,
}

/// One step as a person reads it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LayerInfo {
    /// Name in PyTorch's manner; empty where the step has no parameters.
    pub name: String,
    /// What it does: `conv`, `batch norm`, `linear`, `relu` and so on.
    pub kind: &'static str,
    /// Shape of its result, `[channels, height, width]`.
    pub shape: [usize; 3],
    /// Its parameters and multiply-accumulates.
    pub cost: Cost,
}

impl Graph {
    /// Parameters and multiply-accumulates of the whole network.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::zero();
        for node in &self.nodes {
            cost += node.op.cost(node.shape);
        }
        cost
    }

    /// Rows and columns of a step's places; `None` for a sequence.
    pub(crate) fn grid(&self, step: usize) -> Option<[usize; 2]> {
        let [_, rows, columns] = self.nodes[step].shape;
        self.signature.image().map(|_| [rows, columns])
    }

    /// Input and output.
    pub fn signature(&self) -> &Signature {
        &self.signature
    }

    /// Every step, in order, the input aside.
    pub fn layers(&self) -> impl Iterator<Item = LayerInfo> {
        self.nodes.iter().skip(1).map(|node| LayerInfo {
            name: node.name.clone(),
            kind: node.op.kind(),
            shape: node.shape,
            cost: node.op.cost(node.shape),
        })
    }

    /// Batch norms in order: the name of each and the shape that it normalises, `[channels, height, width]`.
    pub fn norms(&self) -> impl Iterator<Item = (&str, [usize; 3])> {
        let norms = self.nodes.iter().filter(|node| matches!(node.op, Op::BatchNorm(_)));
        norms.map(|node| (node.name.as_str(), node.shape))
    }

    /// Names of the taps, shallow to deep, and their shapes; names in `.preact` show values in front of an
    /// activation. Shapes are `[channels, height, width]`.
    pub fn taps(&self) -> impl Iterator<Item = (&str, [usize; 3])> {
        self.taps.iter().map(|(name, node)| (name.as_str(), self.nodes[*node].shape))
    }
}
