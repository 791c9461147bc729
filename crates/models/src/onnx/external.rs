//! Tensors of an ONNX file that lie in other files beside it, as PyTorch exports them by default.

use std::{
    collections::HashMap,
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::{Component, Path},
};

use crate::{
    ModelError,
    proto::{Model, TensorProto},
};

/// Reads the tensors that lie in other files, named from the folder of `path`.
///
/// # Errors
/// [`ModelError::Weights`] where such a file is missing, is too short, or lies outside that folder.
pub(super) fn inline(model: &mut Model, path: &Path) -> Result<(), ModelError> {
    let Some(graph) = &mut model.graph else { return Ok(()) };
    let attributes = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    let constants = attributes.filter_map(|attribute| attribute.t.as_mut());
    let tensors = graph.initializer.iter_mut().chain(constants);
    let mut files = HashMap::new();
    for tensor in tensors.filter(|tensor| tensor.data_location == Some(EXTERNAL)) {
        let data = read(tensor, path, &mut files)?;
        tensor.raw_data = Some(data);
        tensor.external_data = Vec::new();
        tensor.data_location = None;
    }
    Ok(())
}

/// `TensorProto.DataLocation.EXTERNAL`.
const EXTERNAL: i32 = 1;

fn read(
    tensor: &TensorProto,
    path: &Path,
    files: &mut HashMap<String, (File, u64)>,
) -> Result<Vec<u8>, ModelError> {
    let value = |key| tensor.external_data.iter().find(|it| it.key == key).map(|it| &it.value);
    let name = &tensor.name;
    let refuse = |problem: String| ModelError::weights(path, problem, EXPECTED);
    let number = |key| match value(key).map(|text| text.parse::<u64>()) {
        None => Ok(None),
        Some(Ok(number)) => Ok(Some(number)),
        Some(Err(_)) => Err(refuse(format!("the {key} of `{name}` in its file is not a number"))),
    };
    let location = value("location")
        .ok_or_else(|| refuse(format!("`{name}` lies in another file that is not named")))?;
    let mut parts = Path::new(location).components();
    if !parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        let problem = format!("`{name}` lies in `{location}`, outside the folder of the file");
        return Err(refuse(problem));
    }
    if !files.contains_key(location) {
        let place = path.parent().unwrap_or(Path::new("")).join(location);
        let opened = File::open(&place).and_then(|file| Ok((file.metadata()?.len(), file)));
        let (length, file) = opened.map_err(|e| {
            refuse(format!("its weights lie in `{}`, which cannot be read: {e}", place.display()))
        })?;
        files.insert(location.clone(), (file, length));
    }
    let (file, have) = files.get_mut(location).expect("opened");
    let offset = number("offset")?.unwrap_or(0);
    let length = number("length")?.unwrap_or(have.saturating_sub(offset));
    if offset.checked_add(length).is_none_or(|end| end > *have) {
        let problem = format!(
            "`{name}` are {length} bytes from byte {offset} of `{location}`, which has {have}"
        );
        return Err(refuse(problem));
    }
    let mut data = vec![0; length as usize];
    let done = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(&mut data));
    done.map_err(|e| refuse(format!("`{location}` cannot be read: {e}")))?;
    Ok(data)
}

const EXPECTED: &str = "all files of the export in one folder, under the names they were written \
     with\nhint: `torch.onnx.export(..., external_data=False)` writes a single file";
