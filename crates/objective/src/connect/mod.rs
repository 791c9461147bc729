//! What is trained beside the student so that its features can be compared, and is never exported.

mod initial;
mod layers;
mod named;

use burn::module::{Module, ModuleMapper, Param, ParamId};
use burn::tensor::Tensor;

pub use initial::Initial;
pub use layers::{Conv, Linear, Norm};

/// Connectors of an [`Objective`](crate::Objective), by term: a module to be trained with the student and
/// saved with it.
///
/// Their identities are made of their places, so that an optimizer's state finds them again.
#[derive(Module, Debug)]
pub struct Connectors {
    /// Names of the terms, as far as they are known.
    #[module(skip)]
    terms: Vec<String>,
    pub(crate) of_terms: Vec<Option<Connector>>,
}

/// What one term trains, or remembers, beside the student, made by [`Term::connect`](crate::Term::connect).
#[derive(Module, Debug)]
pub struct Connector {
    /// Layers of each pair of features, or of whatever else a term keeps apart. Their parameters are trained
    /// unless they need no gradient.
    pub parts: Vec<Vec<Layer>>,
}

/// A layer of a [`Connector`], or numbers for a use of the term's own.
#[derive(Module, Debug)]
pub enum Layer {
    /// A convolution.
    Conv(Conv),
    /// Batch norm.
    Norm(Norm),
    /// A linear layer.
    Linear(Linear),
    /// Numbers in a row.
    Vector(Param<Tensor<1>>),
    /// Numbers in rows and columns, as a memory bank.
    Matrix(Param<Tensor<2>>),
}

impl Connectors {
    /// For objectives without connectors.
    pub fn none() -> Self {
        Self { terms: Vec::new(), of_terms: Vec::new() }
    }

    /// Whether there is nothing to train and nothing to save.
    pub fn is_empty(&self) -> bool {
        self.of_terms.iter().all(Option::is_none)
    }

    pub(crate) fn of(terms: Vec<String>, of_terms: Vec<Option<Connector>>) -> Self {
        Self { terms, of_terms }.map(&mut Identities { next: 0 })
    }

    pub(crate) fn slot(&mut self, term: usize) -> &mut Option<Connector> {
        if self.of_terms.len() <= term {
            self.of_terms.resize_with(term + 1, || None);
        }
        &mut self.of_terms[term]
    }
}

impl Default for Connectors {
    fn default() -> Self {
        Self::none()
    }
}

struct Identities {
    next: u64,
}

impl ModuleMapper for Identities {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        // "connects" in ASCII: far from small numbers, and no network's by any likelihood.
        let id = ParamId::from(u64::from_be_bytes(*b"connects").wrapping_add(self.next));
        self.next += 1;
        let value = param.val();
        param.transform_for_load(value, id)
    }
}
