//! Content of a Python pickle, as a tree of data.

use std::rc::Rc;

/// A value of a pickle.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// An integer or a truth value.
    Int(i64),
    /// A text.
    Text(Rc<str>),
    /// A place in [`Pickle::objects`].
    Object(usize),
    /// What no checkpoint's tensors depend on: `None`, floats, bytes, long integers.
    Other,
}

/// A value that holds others.
#[derive(Debug)]
pub(super) enum Object {
    /// A list, tuple or set.
    Sequence(Vec<Value>),
    /// A dictionary, in its order.
    Dict(Vec<(Value, Value)>),
    /// A class or function: `torch._utils._rebuild_tensor_v2`.
    Global(Rc<str>),
    /// What a class or function would make of arguments.
    Call(Box<Call>),
    /// The identity of something outside the pickle.
    Persistent(Value),
}

/// An object that is made by a call.
#[derive(Debug)]
pub(super) struct Call {
    /// What is called.
    pub(super) callable: Value,
    /// With what, a sequence.
    pub(super) arguments: Value,
    /// Pairs that are set in the result, of a kind of dictionary.
    pub(super) pairs: Vec<(Value, Value)>,
    /// Elements that are put into the result, of a kind of list.
    pub(super) elements: Vec<Value>,
    /// What the result's fields are set to.
    pub(super) state: Option<Value>,
}

/// One pickle.
#[derive(Debug)]
pub(super) struct Pickle {
    /// Every object in it; one that stands in several places is here once.
    pub(super) objects: Vec<Object>,
    /// The value itself.
    pub(super) root: Value,
}

impl Pickle {
    /// The object behind a value.
    pub(super) fn object(&self, value: &Value) -> Option<&Object> {
        match value {
            Value::Object(at) => self.objects.get(*at),
            _ => None,
        }
    }

    /// The elements of a list, tuple or set.
    pub(super) fn sequence(&self, value: &Value) -> Option<&[Value]> {
        match self.object(value)? {
            Object::Sequence(values) => Some(values),
            _ => None,
        }
    }

    /// The name of a class or function.
    pub(super) fn global(&self, value: &Value) -> Option<&str> {
        match self.object(value)? {
            Object::Global(name) => Some(name),
            _ => None,
        }
    }
}
