//! Containers that `torch.save` writes a pickle and its storages in.

use std::{
    collections::HashMap,
    fs::File,
    io::{BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use zip::{CompressionMethod, ZipArchive};

use super::{
    machine::read,
    storage::{StorageName, Storages, width},
    value::{Object, Pickle, Value},
};

/// What a file holds, its numbers unread.
#[derive(Debug)]
pub(super) struct Checkpoint {
    pub(super) pickle: Pickle,
    pub(super) storages: Storages,
    /// Whether it is TorchScript: a program beside the weights.
    pub(super) is_script: bool,
    /// Whether it is a pickle and nothing else, which has no place for storages.
    pub(super) is_plain: bool,
}

/// Number that PyTorch writes behind the magic one of its older files.
const OLD_PROTOCOL: i64 = 1001;

impl Checkpoint {
    /// Opens a zip archive, or one of the older files: pickles one behind the other, then numbers.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn open(path: &Path) -> Result<Self, String> {
        let mut file = File::open(path).map_err(|e| e.to_string())?;
        let mut head = [0; 2];
        let is_archive = file.read_exact(&mut head).is_ok() && &head == b"PK";
        file.rewind().map_err(|e| e.to_string())?;
        if is_archive { archive(file) } else { stream(file) }
    }
}

fn archive(file: File) -> Result<Checkpoint, String> {
    let problem = |error: &dyn std::fmt::Display| format!("a zip archive: {error}");
    let bytes = file.metadata().map_err(|e| problem(&e))?.len();
    let handle = file.try_clone().map_err(|e| problem(&e))?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|e| problem(&e))?;
    let (mut places, mut names) = (HashMap::new(), Vec::new());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| problem(&e))?;
        let name = entry.name().map_err(|e| problem(&e))?.into_owned();
        // `torch.save` compresses nothing, TorchScript all but the numbers.
        if entry.compression() == CompressionMethod::Stored
            && let Some(start) = entry.data_start()
        {
            places.insert(name.clone(), (start, entry.size()));
        }
        names.push(name);
    }
    let pickles = names.iter().filter(|name| *name == "data.pkl" || name.ends_with("/data.pkl"));
    let Some(own) = pickles.min_by_key(|name| (name.len(), name.as_str())) else {
        return Err("an archive without `data.pkl`".to_owned());
    };
    let root = own.strip_suffix("data.pkl").unwrap_or_default();
    let is_script = names.iter().any(|name| name.starts_with(&format!("{root}code/")));
    let mut entry = |name: &str| unpacked(&mut archive, name, bytes);
    if entry(&format!("{root}byteorder")).is_ok_and(|order| order == b"big") {
        return Err("numbers with the largest byte first".to_owned());
    }
    let pickle = read(&mut entry(own)?.as_slice())?;
    let storages = Storages::new(handle, places).below(&format!("{root}data/"));
    Ok(Checkpoint { pickle, storages, is_script, is_plain: false })
}

/// A part of an archive of so many bytes. One that unpacks to more than all of it was made to fill memory.
fn unpacked(
    archive: &mut ZipArchive<BufReader<File>>,
    name: &str,
    bytes: u64,
) -> Result<Vec<u8>, String> {
    let entry = archive.by_name(name).map_err(|e| format!("`{name}` in the archive: {e}"))?;
    let mut unpacked = Vec::new();
    let read = entry.take(bytes + 1).read_to_end(&mut unpacked);
    read.map_err(|e| format!("`{name}` in the archive: {e}"))?;
    if unpacked.len() as u64 > bytes {
        let problem = format!("an archive of {bytes} bytes whose `{name}` unpacks to more");
        return Err(problem);
    }
    Ok(unpacked)
}

fn stream(file: File) -> Result<Checkpoint, String> {
    let handle = file.try_clone().map_err(|e| e.to_string())?;
    let mut reader = BufReader::new(file);
    let first = read(&mut reader)?;
    if let Value::Object(_) = first.root {
        // `pickle.dump`: there are no storages.
        let storages = Storages::new(handle, HashMap::new());
        return Ok(Checkpoint { pickle: first, storages, is_script: false, is_plain: true });
    }
    // The magic number, that of the protocol, sizes of C's types, then the checkpoint and the order of its storages.
    let protocol = read(&mut reader)?;
    if !matches!(protocol.root, Value::Int(OLD_PROTOCOL)) {
        return Err("a pickle of no checkpoint".to_owned());
    }
    let system = read(&mut reader)?;
    if let Some(Object::Dict(facts)) = system.object(&system.root)
        && facts.iter().any(
            |fact| matches!(fact, (Value::Text(name), Value::Int(0)) if &**name == "little_endian"),
        )
    {
        return Err("numbers with the largest byte first".to_owned());
    }
    let pickle = read(&mut reader)?;
    let keys = read(&mut reader)?;
    let mut widths = HashMap::new();
    for object in &pickle.objects {
        if let Object::Persistent(identity) = object
            && let Some(storage) = StorageName::of(&pickle, identity)
        {
            widths.insert(storage.key, width(storage.kind));
        }
    }
    let mut places = HashMap::new();
    for key in keys.sequence(&keys.root).unwrap_or_default() {
        let Value::Text(key) = key else { return Err("a storage without a key".to_owned()) };
        let mut count = [0; 8];
        reader.read_exact(&mut count).map_err(|_| "storages that are cut off".to_owned())?;
        // Storages behind one of a type that nobody knows cannot be found: an error for who needs one.
        let Some(width) = widths.get(&**key) else { break };
        let start = reader.stream_position().map_err(|e| e.to_string())?;
        let len = u64::from_le_bytes(count).checked_mul(*width);
        let end = len.and_then(|len| start.checked_add(len)).filter(|end| *end < 1 << 62);
        let end = end.ok_or_else(|| format!("storage `{key}` is longer than any file"))?;
        reader.seek(SeekFrom::Start(end)).map_err(|e| e.to_string())?;
        places.insert(key.to_string(), (start, end - start));
    }
    let storages = Storages::new(handle, places);
    Ok(Checkpoint { pickle, storages, is_script: false, is_plain: false })
}
