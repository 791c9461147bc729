//! An ONNX file in another runtime than Burn: a second opinion on what was exported.

use std::{fmt, path::Path};

use prost::Message;
use rten::Model;
use rten_tensor::{AsView, Layout, NdTensor};

use crate::{ModelError, Signature, proto};

/// A network read from an ONNX file, run by [rten](https://docs.rs/rten) on the CPU.
pub struct OnnxNetwork {
    model: Model,
    path: std::path::PathBuf,
}

impl fmt::Debug for OnnxNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxNetwork").field("path", &self.path).finish_non_exhaustive()
    }
}

impl OnnxNetwork {
    /// Reads a file with one input and one output, as [`to_onnx`](super::to_onnx) writes it.
    ///
    /// # Errors
    /// [`ModelError::Weights`] for a file that is no ONNX or has other inputs.
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
        let message = proto::Model::decode(bytes.as_slice()).map_err(|e| refuse(e.to_string()))?;
        drop(bytes);
        let model = Model::load(message.encode_to_vec()).map_err(|e| refuse(e.to_string()))?;
        let (inputs, outputs) = (model.input_ids().len(), model.output_ids().len());
        if (inputs, outputs) != (1, 1) {
            return Err(refuse(format!("{inputs} inputs and {outputs} outputs")));
        }
        Ok(Self { model, path: path.to_owned() })
    }

    /// Logits of normalised images, `classes` of them an image.
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
        let batch = images.len() / (channels * height * width);
        let images = NdTensor::from_data([batch, channels, height, width], images.to_vec());
        let output = self.model.run_one(images.into(), None).map_err(|e| refuse(e.to_string()))?;
        let logits: NdTensor<f32, 2> = output
            .try_into()
            .map_err(|_| refuse("an output that is not `[batch, classes]`".into()))?;
        if logits.shape() != [batch, classes] {
            let problem = format!("an output of {:?}", logits.shape());
            return Err(ModelError::weights(
                &self.path,
                problem,
                format!("{:?}", [batch, classes]),
            ));
        }
        Ok(logits.to_vec())
    }
}

/// One input, one output.
const EXPECTED: &str =
    "an ONNX file with one input `[batch, channels, height, width]` and one output";
