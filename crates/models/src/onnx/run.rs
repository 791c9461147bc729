//! An ONNX file in another runtime than Burn: a second opinion on what was exported.

use std::{fmt, path::Path};

use prost::Message;
use rten::Model;
use rten_tensor::{AsView, Layout, NdTensor};

use super::{
    external::inline,
    rewrite::{Refused, rewrite},
};
use crate::{
    ModelError, Signature,
    proto::{self, DOUBLE, FLOAT, FLOAT16},
};

/// A network read from an ONNX file, run by [rten](https://docs.rs/rten) on the CPU.
pub struct OnnxNetwork {
    model: Model,
    /// Dimensions of the input; `None` for a free one.
    input: Vec<Option<usize>>,
    /// Whether its output is a softmax: probabilities, whose logarithms are logits.
    probabilities: bool,
    path: std::path::PathBuf,
}

impl fmt::Debug for OnnxNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxNetwork").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OnnxNetwork {
    /// Reads a file with one input and one output, as [`to_onnx`](super::to_onnx) and others write it, with the
    /// files of weights that lie beside it.
    ///
    /// Integer convolutions and products of a quantised network are computed in `f32`.
    ///
    /// # Errors
    /// [`ModelError::Weights`] for a file that is no ONNX, has other inputs, has operators that the runtime does
    /// not know or computes wrong, or whose files of weights are missing.
    pub fn load(path: &Path) -> Result<Self, ModelError> {
        let bytes = std::fs::read(path)
            .map_err(|e| ModelError::weights(path, format!("it cannot be read: {e}"), EXPECTED))?;
        Self::from_bytes(bytes, path)
    }

    /// As [`load`](Self::load), from the bytes of a file that `path` names in messages.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn from_bytes(bytes: Vec<u8>, path: &Path) -> Result<Self, ModelError> {
        let refuse = |problem: String| ModelError::weights(path, problem, EXPECTED);
        // The runtime believes every length that a file states. What this decoder has read and written
        // again states none that is not so.
        let mut message =
            proto::Model::decode(bytes.as_slice()).map_err(|e| refuse(e.to_string()))?;
        drop(bytes);
        inline(&mut message, path)?;
        let last = last_operator(&message).unwrap_or_default().to_owned();
        if last == "Sigmoid" {
            let problem = "a sigmoid in the end, which gives each class a probability of its own";
            return Err(ModelError::weights(path, problem, "logits, or a softmax"));
        }
        rewrite(&mut message).map_err(|Refused { problem, expected }| {
            ModelError::weights(path, problem, expected)
        })?;
        let input = input(&message).map_err(refuse)?;
        let model = Model::load(message.encode_to_vec())
            .map_err(|e| ModelError::weights(path, e, COMPUTED))?;
        let (inputs, outputs) = (model.input_ids().len(), model.output_ids().len());
        if (inputs, outputs) != (1, 1) {
            return Err(refuse(format!("{inputs} inputs and {outputs} outputs")));
        }
        let probabilities = last == "Softmax";
        Ok(Self { model, input, probabilities, path: path.to_owned() })
    }

    /// `[channels, height, width]` of the images, where the file states them.
    pub fn image(&self) -> Option<[usize; 3]> {
        let [_, channels, height, width] = self.input.as_slice() else { return None };
        Some([(*channels)?, (*height)?, (*width)?])
    }

    /// Logits of normalised images, `classes` of them an image; of a file that ends in a softmax their logarithms. A file with a fixed batch gets batches of that
    /// size, the last one filled up with its first image.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`, row by row
    /// - output: `[batch, classes]`, row by row
    ///
    /// # Errors
    /// [`ModelError::Weights`] where the file's network takes or gives something else.
    pub fn logits(&self, images: &[f32], signature: &Signature) -> Result<Vec<f32>, ModelError> {
        let refuse = |problem: String| ModelError::weights(&self.path, problem, EXPECTED);
        let Some([channels, height, width]) = signature.image() else {
            return Err(refuse("an input of tokens".to_owned()));
        };
        let classes = signature.output.width();
        let given = [channels, height, width];
        let stated = self.input.get(1..).unwrap_or_default();
        let fits =
            stated.iter().zip(given).all(|(stated, given)| stated.is_none_or(|it| it == given));
        if !self.input.is_empty() && (self.input.len() != 4 || !fits) {
            let problem = format!("its input is {}", shown(&self.input));
            let expected =
                format!("[batch, {channels}, {height}, {width}], the size of the images");
            return Err(ModelError::weights(&self.path, problem, expected));
        }
        let pixels = channels * height * width;
        let count = images.len() / pixels;
        let batch = self.input.first().copied().flatten().unwrap_or(count);
        let mut logits = Vec::with_capacity(count * classes);
        for images in images.chunks((batch * pixels).max(1)) {
            let mut images = images.to_vec();
            let own = images.len() / pixels;
            // A copy: networks that are quantised as they run scale by all images of a batch.
            for _ in own..batch {
                images.extend_from_within(..pixels);
            }
            let images = NdTensor::from_data([batch, channels, height, width], images);
            let rows = self.batch(images, [batch, classes])?;
            logits.extend_from_slice(&rows[..own * classes]);
        }
        if self.probabilities {
            logits.iter_mut().for_each(|value| *value = value.max(f32::MIN_POSITIVE).ln());
        }
        Ok(logits)
    }

    /// Logits `[batch, classes]` of a batch.
    fn batch(&self, images: NdTensor<f32, 4>, shape: [usize; 2]) -> Result<Vec<f32>, ModelError> {
        let output = self.model.run_one(images.into(), None);
        let output = output.map_err(|e| ModelError::weights(&self.path, e, COMPUTED))?;
        let logits: NdTensor<f32, 2> = output.try_into().map_err(|_| {
            ModelError::weights(&self.path, "an output that is not `[batch, classes]`", EXPECTED)
        })?;
        if logits.shape() != shape {
            let problem = format!("an output of {:?}", logits.shape());
            return Err(ModelError::weights(&self.path, problem, format!("{shape:?}")));
        }
        Ok(logits.to_vec())
    }
}

/// The operator that makes the first output.
fn last_operator(model: &proto::Model) -> Option<&str> {
    let graph = model.graph.as_ref()?;
    let output = &graph.output.first()?.name;
    let node = graph.node.iter().find(|node| node.output.contains(output))?;
    Some(&node.op_type)
}

/// Dimensions of the only input; `None` for a free one.
fn input(model: &proto::Model) -> Result<Vec<Option<usize>>, String> {
    let Some(graph) = &model.graph else { return Ok(Vec::new()) };
    // Old files list their weights among the inputs.
    let weights: Vec<&str> = graph.initializer.iter().map(|own| own.name.as_str()).collect();
    let Some(input) = graph.input.iter().find(|it| !weights.contains(&it.name.as_str())) else {
        return Ok(Vec::new());
    };
    let Some(tensor) = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref()) else {
        return Ok(Vec::new());
    };
    if ![0, FLOAT, FLOAT16, DOUBLE].contains(&tensor.element) {
        return Err(format!("its input `{}` is of integers", input.name));
    }
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
    let dims: Vec<Option<usize>> = dims
        .map(|dim| dim.value.and_then(|side| usize::try_from(side).ok()).filter(|side| *side > 0))
        .collect();
    match dims.first() {
        Some(Some(batch)) if *batch > LARGEST_BATCH => {
            Err(format!("its batch is fixed at {batch} images"))
        }
        _ => Ok(dims),
    }
}

/// A file that states more is damaged.
const LARGEST_BATCH: usize = 65_536;

fn shown(dims: &[Option<usize>]) -> String {
    let dims = dims.iter().map(|dim| dim.map_or("free".to_owned(), |side| side.to_string()));
    format!("[{}]", dims.collect::<Vec<_>>().join(", "))
}

const COMPUTED: &str = "a network that the runtime (rten) can compute";
/// One input, one output.
const EXPECTED: &str =
    "an ONNX file with one input `[batch, channels, height, width]` and one output";
