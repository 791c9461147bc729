//! Storages of a checkpoint: the runs of numbers that its tensors are views of.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    sync::Mutex,
};

use super::value::{Pickle, Value};

/// A storage as a pickle names it.
#[derive(Debug)]
pub(super) struct StorageName {
    /// Its key among the storages.
    pub(super) key: String,
    /// Type of its numbers, `bytes` where a tensor says it.
    pub(super) kind: &'static str,
    /// Numbers in front of it, in an old view of a storage.
    pub(super) offset: u64,
}

impl StorageName {
    /// Reads `("storage", torch.FloatStorage, key, device, numbers, view)`.
    pub(super) fn of(pickle: &Pickle, identity: &Value) -> Option<Self> {
        let [_, class, Value::Text(key), rest @ ..] = pickle.sequence(identity)? else {
            return None;
        };
        let class = pickle.global(class)?.rsplit('.').next()?;
        let kind = kind(class.strip_suffix("Storage")?)?;
        let view = rest.get(2).and_then(|view| pickle.sequence(view));
        let offset = match view {
            Some([_, Value::Int(offset), _]) => u64::try_from(*offset).ok()?,
            _ => 0,
        };
        Some(Self { key: key.to_string(), kind, offset })
    }
}

/// The types of numbers: PyTorch's name of a storage and of a type, the name here, bytes a number.
const KINDS: &[(&str, &str, &str, u64)] = &[
    ("Float", "float32", "f32", 4),
    ("Double", "float64", "f64", 8),
    ("Half", "float16", "f16", 2),
    ("BFloat16", "bfloat16", "bf16", 2),
    ("Long", "int64", "i64", 8),
    ("Int", "int32", "i32", 4),
    ("Short", "int16", "i16", 2),
    ("Char", "int8", "i8", 1),
    ("Byte", "uint8", "u8", 1),
    ("Bool", "bool", "bool", 1),
    ("ComplexFloat", "complex64", "complex64", 8),
    ("ComplexDouble", "complex128", "complex128", 16),
    ("QInt8", "qint8", "qint8", 1),
    ("QUInt8", "quint8", "quint8", 1),
    ("QInt32", "qint32", "qint32", 4),
    ("QUInt4x2", "quint4x2", "quint4x2", 1),
    ("QUInt2x4", "quint2x4", "quint2x4", 1),
    ("Untyped", "untyped", "bytes", 1),
    ("", "uint16", "u16", 2),
    ("", "uint32", "u32", 4),
    ("", "uint64", "u64", 8),
    ("", "complex32", "complex32", 4),
    ("", "float8_e4m3fn", "float8_e4m3fn", 1),
    ("", "float8_e5m2", "float8_e5m2", 1),
    ("", "float8_e4m3fnuz", "float8_e4m3fnuz", 1),
    ("", "float8_e5m2fnuz", "float8_e5m2fnuz", 1),
    ("", "float8_e8m0fnu", "float8_e8m0fnu", 1),
];

/// A type by PyTorch's name of it or of its storage.
pub(super) fn kind(name: &str) -> Option<&'static str> {
    let is_it = |storage: &str| !name.is_empty() && name == storage;
    let found = KINDS.iter().find(|(storage, own, ..)| is_it(own) || is_it(storage));
    found.map(|(_, _, kind, _)| *kind)
}

/// Bytes of a number.
pub(super) fn width(kind: &str) -> u64 {
    KINDS.iter().find(|(_, _, name, _)| *name == kind).map_or(1, |(.., width)| *width)
}

/// A file and where its storages lie in it.
#[derive(Debug)]
pub(super) struct Storages {
    file: Mutex<File>,
    /// First byte and bytes, by key.
    places: HashMap<String, (u64, u64)>,
}

impl Storages {
    pub(super) fn new(file: File, places: HashMap<String, (u64, u64)>) -> Self {
        Self { file: Mutex::new(file), places }
    }

    /// Those of a folder, by their names in it.
    pub(super) fn below(mut self, folder: &str) -> Self {
        let places = std::mem::take(&mut self.places).into_iter();
        self.places = places
            .filter_map(|(name, place)| Some((name.strip_prefix(folder)?.to_owned(), place)))
            .collect();
        self
    }

    /// Bytes of a storage.
    ///
    /// # Errors
    /// Where there is no such storage.
    pub(super) fn size(&self, key: &str) -> Result<u64, String> {
        let place = self
            .places
            .get(key)
            .ok_or_else(|| format!("its storage `{key}` is not there, or compressed"))?;
        Ok(place.1)
    }

    /// A part of a storage, which lies in it.
    ///
    /// # Errors
    /// Where the file is shorter than it says.
    pub(super) fn read(&self, key: &str, start: u64, len: u64) -> Result<Vec<u8>, String> {
        let size = self.size(key)?;
        if start.checked_add(len).is_none_or(|end| end > size) {
            return Err(format!("it ends behind its storage of {size} bytes"));
        }
        let mut file = self.file.lock().expect("no reader panics");
        let mut bytes = Vec::new();
        let read = file
            .seek(SeekFrom::Start(self.places[key].0 + start))
            .and_then(|_| (&mut *file).take(len).read_to_end(&mut bytes));
        match read {
            Ok(read) if read as u64 == len => Ok(bytes),
            Ok(_) => Err("its storage is cut off".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }
}
