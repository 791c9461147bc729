//! Tensors of a pickle, as PyTorch's functions for building them are noted in it.

use std::rc::Rc;

use half::{bf16, f16};

use super::{
    storage::{StorageName, Storages, kind, width},
    value::{Call, Object, Pickle, Value},
};
use crate::weights::tensor::FileTensor;

/// Tensors in tensors: a parameter of a subclass of a tensor.
const NESTED: usize = 8;

/// The tensor that a call makes, unless it makes something else.
pub(super) fn tensor(pickle: &Pickle, call: &Call, storages: &Rc<Storages>) -> Option<FileTensor> {
    let (mut callable, mut arguments) =
        (&call.callable, pickle.sequence(&call.arguments).unwrap_or_default());
    for _ in 0..NESTED {
        let function = pickle.global(callable)?.rsplit('.').next()?;
        match function {
            "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_tensor_v3" => {
                return Some(strided(pickle, arguments, storages));
            }
            // What is wrapped, and things that do not change its numbers.
            "_rebuild_parameter"
            | "_rebuild_parameter_with_state"
            | "_rebuild_device_tensor_from_cpu_tensor" => {
                let Object::Call(inner) = pickle.object(arguments.first()?)? else { return None };
                callable = &inner.callable;
                arguments = pickle.sequence(&inner.arguments)?;
            }
            // A function, the subclass, and the function's arguments.
            "_rebuild_from_type" | "_rebuild_from_type_v2" => {
                let [function, _, inner, ..] = arguments else { return None };
                callable = function;
                arguments = pickle.sequence(inner)?;
            }
            "_rebuild_qtensor" => {
                let shape = arguments.get(2).and_then(|shape| sizes(pickle, shape));
                return Some(FileTensor::other("quantised tensor", shape.unwrap_or_default()));
            }
            other => {
                let kind = other.strip_prefix("_rebuild_")?.replace('_', " ");
                return Some(FileTensor::other(kind, Vec::new()));
            }
        }
    }
    None
}

/// A view of a storage: where it begins, sizes, and steps between neighbours.
struct View {
    storage: StorageName,
    offset: u64,
    shape: Vec<usize>,
    strides: Vec<usize>,
    kind: &'static str,
}

fn strided(pickle: &Pickle, arguments: &[Value], storages: &Rc<Storages>) -> FileTensor {
    let Some(view) = View::of(pickle, arguments) else {
        return FileTensor::other("tensor that cannot be read", Vec::new());
    };
    let shape = view.shape.clone();
    match view.kind {
        "f32" | "f64" | "f16" | "bf16" => {
            let storages = storages.clone();
            FileTensor::floats(view.kind, shape, move || view.numbers(&storages))
        }
        kind => FileTensor::other(kind, shape),
    }
}

impl View {
    fn of(pickle: &Pickle, arguments: &[Value]) -> Option<Self> {
        let [storage, Value::Int(offset), shape, strides, rest @ ..] = arguments else {
            return None;
        };
        let Object::Persistent(identity) = pickle.object(storage)? else { return None };
        let storage = StorageName::of(pickle, identity)?;
        let (shape, strides) = (sizes(pickle, shape)?, sizes(pickle, strides)?);
        // Behind `requires_grad` and the hooks the third version names the type.
        let own = rest.get(2).and_then(|named| pickle.global(named)?.strip_prefix("torch."));
        let kind = own.and_then(kind).unwrap_or(storage.kind);
        let offset = u64::try_from(*offset).ok()?.checked_add(storage.offset)?;
        (shape.len() == strides.len()).then_some(Self { storage, offset, shape, strides, kind })
    }

    /// Reads the part of the storage that it reaches over, and takes its numbers from there.
    fn numbers(&self, storages: &Storages) -> Result<Vec<f32>, String> {
        let Self { storage, offset, shape, strides, kind } = self;
        let too_large = || "it is larger than any file".to_owned();
        if shape.contains(&0) {
            return Ok(Vec::new());
        }
        let mut reach = 1_usize;
        for (size, stride) in shape.iter().zip(strides) {
            let steps = (size - 1).checked_mul(*stride).ok_or_else(too_large)?;
            reach = reach.checked_add(steps).ok_or_else(too_large)?;
        }
        let width = width(kind);
        let start = offset.checked_mul(width).ok_or_else(too_large)?;
        let len = (reach as u64).checked_mul(width).ok_or_else(too_large)?;
        let bytes = storages.read(&storage.key, start, len)?;
        let flat = floats(kind, &bytes);
        if is_contiguous(shape, strides) {
            return Ok(flat);
        }
        let mut places = vec![0];
        for (size, stride) in shape.iter().zip(strides) {
            let steps = |place: usize| (0..*size).map(move |at| place + at * stride);
            places = places.into_iter().flat_map(steps).collect();
        }
        Ok(places.into_iter().map(|place| flat[place]).collect())
    }
}

fn is_contiguous(shape: &[usize], strides: &[usize]) -> bool {
    let mut expected = 1;
    shape.iter().zip(strides).rev().all(|(size, stride)| {
        let fits = *size == 1 || *stride == expected;
        expected *= size;
        fits
    })
}

fn floats(kind: &str, bytes: &[u8]) -> Vec<f32> {
    match kind {
        "f64" => numbers(bytes, |bytes| f64::from_le_bytes(bytes) as f32),
        "f16" => numbers(bytes, |bytes| f16::from_le_bytes(bytes).to_f32()),
        "bf16" => numbers(bytes, |bytes| bf16::from_le_bytes(bytes).to_f32()),
        _ => numbers(bytes, f32::from_le_bytes),
    }
}

fn numbers<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| number(*bytes)).collect()
}

/// Sizes or strides.
fn sizes(pickle: &Pickle, value: &Value) -> Option<Vec<usize>> {
    let values = match pickle.object(value)? {
        Object::Sequence(values) => values,
        // `torch.Size((64, 3))`
        Object::Call(call) => pickle.sequence(pickle.sequence(&call.arguments)?.first()?)?,
        _ => return None,
    };
    let sizes = values.iter().map(|value| match value {
        Value::Int(size) => usize::try_from(*size).ok(),
        _ => None,
    });
    sizes.collect()
}
