//! PyTorch's checkpoints: every tensor in them by name, whatever stands beside.

mod bytes;
mod container;
mod machine;
mod storage;
mod tensors;
mod value;

use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    path::Path,
    rc::Rc,
};

use container::Checkpoint;
use storage::Storages;
use tensors::tensor;
use value::{Call, Object, Pickle, Value};

use super::tensor::{Contents, FileTensor};

/// Reads a checkpoint's table of tensors.
///
/// # Errors
/// What is wrong with the file, in words.
pub(super) fn contents(path: &Path) -> Result<Contents, String> {
    let Checkpoint { pickle, storages, is_script, is_plain } = Checkpoint::open(path)?;
    let mut walk = Walk::new(&pickle, Rc::new(storages));
    walk.run();
    let hints = [
        (
            is_script,
            "it is TorchScript; save its weights alone: `torch.save(torch.jit.load(FILE).state_dict(), ...)`",
        ),
        (
            walk.arrays,
            "it holds numpy arrays; save tensors: `torch.save({k: torch.from_numpy(v) for k, v in arrays.items()}, ...)`",
        ),
        (is_plain, "`pickle.dump` wrote it; save its weights with `torch.save(state_dict, ...)`"),
        (
            walk.has_modules,
            "it holds a whole module; save its weights alone: `torch.save(module.state_dict(), ...)`",
        ),
    ];
    let hint = hints.into_iter().find_map(|(fits, hint)| fits.then_some(hint));
    Ok(Contents { tensors: walk.tensors, hint })
}

/// A value that has not been looked at.
struct Next<'a> {
    object: &'a Object,
    at: usize,
    place: Place,
}

/// Where a value lies.
struct Place {
    name: String,
    /// Bytes of the name in front of the table of weights that it is in.
    table: usize,
    /// Whether it is a part of a module, whose tables are one.
    in_module: bool,
}

impl Place {
    /// The place of a value under `key` in what lies here.
    fn below(&self, key: &str, is_module: bool) -> Self {
        let Self { name, table, in_module } = self;
        let table = match (is_module && *in_module, name.len()) {
            (true, _) => *table,
            (false, 0) => 0,
            (false, len) => len + 1,
        };
        let name = if name.is_empty() { key.to_owned() } else { format!("{name}.{key}") };
        Self { name, table, in_module: is_module }
    }
}

/// A walk over all that a pickle holds, shallow things first.
struct Walk<'a> {
    pickle: &'a Pickle,
    storages: Rc<Storages>,
    queue: VecDeque<Next<'a>>,
    /// Objects of classes that were looked at: these refer to one another in circles.
    seen: HashSet<usize>,
    /// Bytes of names that there may be: a file can hold one table in many places of another one.
    budget: usize,
    tensors: BTreeMap<String, FileTensor>,
    arrays: bool,
    has_modules: bool,
}

/// The longest name.
const LONGEST: usize = 1024;

/// The fields of a module that hold its weights.
const MODULE: [&str; 3] = ["_parameters", "_buffers", "_modules"];

impl<'a> Walk<'a> {
    fn new(pickle: &'a Pickle, storages: Rc<Storages>) -> Self {
        let mut walk = Self {
            pickle,
            storages,
            queue: VecDeque::new(),
            seen: HashSet::new(),
            budget: (1 << 20) + 64 * pickle.objects.len(),
            tensors: BTreeMap::new(),
            arrays: false,
            has_modules: false,
        };
        walk.push(&pickle.root, Place { name: String::new(), table: 0, in_module: false });
        walk
    }

    fn run(&mut self) {
        while let Some(Next { object, at, place }) = self.queue.pop_front() {
            match object {
                Object::Sequence(values) => self.elements(values, &place),
                Object::Dict(pairs) => self.pairs(pairs, &place, false),
                Object::Call(call) => self.call(call, at, place),
                Object::Global(_) | Object::Persistent(_) => (),
            }
        }
    }

    fn call(&mut self, call: &'a Call, at: usize, place: Place) {
        if let Some(tensor) = tensor(self.pickle, call, &self.storages) {
            let Place { mut name, table, .. } = place;
            if name.is_empty() {
                "tensor".clone_into(&mut name);
            }
            self.tensors.insert(name, tensor.in_table(table));
            return;
        }
        let made = self.pickle.global(&call.callable).unwrap_or_default();
        if made.ends_with("multiarray._reconstruct") {
            self.arrays = true;
            return;
        }
        if made.starts_with("collections.") {
            return self.collection(call, &place, false);
        }
        if !self.seen.insert(at) {
            return;
        }
        self.collection(call, &place, false);
        let Some(state) = &call.state else { return };
        let is_script = made.starts_with("__torch__.");
        match self.pickle.object(state) {
            Some(Object::Dict(fields)) => self.fields(fields, &place, is_script),
            // Fields, and those in slots.
            Some(Object::Sequence(both)) => {
                for fields in both {
                    if let Some(Object::Dict(fields)) = self.pickle.object(fields) {
                        self.fields(fields, &place, is_script);
                    }
                }
            }
            _ => (),
        }
    }

    /// What lies in a dictionary or list of the standard library, or of a class of that kind.
    fn collection(&mut self, call: &'a Call, place: &Place, is_module: bool) {
        self.pairs(&call.pairs, place, is_module);
        self.elements(&call.elements, place);
        // Older ones are made of pairs of a key and a value.
        let Some([given, ..]) = self.pickle.sequence(&call.arguments) else { return };
        match self.pickle.object(given) {
            Some(Object::Dict(pairs)) => self.pairs(pairs, place, is_module),
            Some(Object::Sequence(pairs)) => {
                for pair in pairs {
                    if let Some([key, value]) = self.pickle.sequence(pair) {
                        self.pair(key, value, place, is_module);
                    }
                }
            }
            _ => (),
        }
    }

    /// Fields of an object. Those of a module, where it is none of TorchScript's, hold its weights in tables; the
    /// names are then those of its `state_dict`.
    fn fields(&mut self, fields: &'a [(Value, Value)], place: &Place, is_script: bool) {
        let of_module = |key: &Value| matches!(key, Value::Text(key) if MODULE.contains(&&**key));
        if is_script {
            return self.pairs(fields, place, true);
        }
        if !fields.iter().any(|(key, _)| of_module(key)) {
            return self.pairs(fields, place, false);
        }
        self.has_modules = true;
        for (_, value) in fields.iter().filter(|(key, _)| of_module(key)) {
            match self.pickle.object(value) {
                Some(Object::Dict(pairs)) => self.pairs(pairs, place, true),
                Some(Object::Call(call)) => self.collection(call, place, true),
                _ => (),
            }
        }
    }

    fn elements(&mut self, values: &'a [Value], place: &Place) {
        for (at, value) in values.iter().enumerate() {
            self.push(value, place.below(&at.to_string(), false));
        }
    }

    fn pairs(&mut self, pairs: &'a [(Value, Value)], place: &Place, is_module: bool) {
        for (key, value) in pairs {
            self.pair(key, value, place, is_module);
        }
    }

    fn pair(&mut self, key: &Value, value: &'a Value, place: &Place, is_module: bool) {
        match key {
            Value::Text(key) => self.push(value, place.below(key, is_module)),
            Value::Int(key) => self.push(value, place.below(&key.to_string(), is_module)),
            Value::Object(_) | Value::Other => (),
        }
    }

    fn push(&mut self, value: &'a Value, place: Place) {
        if let (Some(object), Value::Object(at)) = (self.pickle.object(value), value)
            && place.name.len() <= LONGEST
            && let Some(budget) = self.budget.checked_sub(place.name.len() + 1)
        {
            self.budget = budget;
            self.queue.push_back(Next { object, at: *at, place });
        }
    }
}
