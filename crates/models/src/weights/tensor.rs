//! Tensors of a file: their numbers are read when somebody needs them.

use std::{collections::BTreeMap, rc::Rc};

use burn::{
    store::{bridge, burn_pack},
    tensor::DType,
};

type Numbers = dyn Fn() -> Result<Vec<f32>, String>;

/// What a file of weights holds.
pub(super) struct Contents {
    /// Its tensors by name: in a checkpoint the keys on the way to each, with dots between them.
    pub(super) tensors: BTreeMap<String, FileTensor>,
    /// What to do with such a file, where it holds no network's weights as they are.
    pub(super) hint: Option<&'static str>,
}

/// A tensor of a file.
#[derive(Clone)]
pub(super) struct FileTensor {
    /// Type of its numbers: `f32`, `i64`, `float8_e4m3fn`, `sparse tensor`.
    pub(super) kind: String,
    pub(super) shape: Vec<usize>,
    /// Bytes of its name that say where the table of weights lies that it is in.
    pub(super) table: usize,
    numbers: Option<Rc<Numbers>>,
}

impl FileTensor {
    /// A tensor whose numbers are floats.
    pub(super) fn floats(
        kind: impl Into<String>,
        shape: Vec<usize>,
        numbers: impl Fn() -> Result<Vec<f32>, String> + 'static,
    ) -> Self {
        let numbers: Rc<Numbers> = Rc::new(numbers);
        Self { kind: kind.into(), shape, table: 0, numbers: Some(numbers) }
    }

    /// A tensor that is no weight of any network: integers, quantised or sparse numbers.
    pub(super) fn other(kind: impl Into<String>, shape: Vec<usize>) -> Self {
        Self { kind: kind.into(), shape, table: 0, numbers: None }
    }

    /// A tensor of a file that Burn reads.
    pub(super) fn burn(tensor: burn_pack::Tensor) -> Self {
        let (kind, shape) = (format!("{:?}", tensor.dtype).to_lowercase(), tensor.shape.to_vec());
        match tensor.dtype {
            DType::F64 | DType::F32 | DType::F16 | DType::BF16 => {
                Self::floats(kind, shape, move || {
                    let data = bridge::into_data(tensor.clone()).map_err(|e| e.to_string())?;
                    let values = data.convert::<f32>().try_into_vec::<f32>();
                    values.map_err(|e| e.to_string())
                })
            }
            _ => Self::other(kind, shape),
        }
    }

    /// The same tensor, in the table of weights that so many bytes of its name lead to.
    pub(super) fn in_table(self, table: usize) -> Self {
        Self { table, ..self }
    }

    /// Whether its numbers are floats.
    pub(super) fn is_floats(&self) -> bool {
        self.numbers.is_some()
    }

    /// Its numbers, row by row.
    ///
    /// # Errors
    /// For numbers that are no floats and for a file that is cut off.
    pub(super) fn numbers(&self) -> Result<Vec<f32>, String> {
        match &self.numbers {
            Some(numbers) => numbers(),
            None => Err(format!("it is of type {}", self.kind)),
        }
    }
}
