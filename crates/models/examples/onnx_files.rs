//! Networks of the zoo, all or those named, as ONNX files, in each operator set, with a free and a fixed batch, and the logits that
//! they give, for a comparison with another runtime: `xtask/interop/opsets.py` makes it.
//!
//!     cargo run --release -p distill-models --features onnx --example onnx_files FOLDER [NAME...]

use std::{fs, io, path::Path};

use burn::{
    module::Module,
    tensor::{Device, Tensor, TensorData},
};
use distill_models::{
    MODELS, ModelInfo,
    onnx::{OPSETS, OnnxForm, to_onnx},
    weights::Precision,
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

/// Images of each network, no multiple of the fixed batch.
const IMAGES: usize = 3;
const BATCH: usize = 2;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, names @ ..] = arguments.as_slice() else {
        return Err("expected a folder to write into".into());
    };
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    for info in MODELS {
        let asked = names.is_empty() || names.iter().any(|name| name == info.name);
        if asked && info.signature.image().is_some() {
            write(folder, info)?;
        }
    }
    Ok(())
}

/// `NAME-OPSET.onnx` and `NAME-OPSET-fixed.onnx`, and `NAME.json` with images and logits.
fn write(folder: &Path, info: &ModelInfo) -> Result<(), Box<dyn std::error::Error>> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let signature = info.signature;
    let [channels, height, width] = signature.image().ok_or("images")?;
    let network = info.architecture().init(&signature, &mut rng, &Device::flex())?.valid();
    let mut uniform = || rng.next_u32() as f32 / u32::MAX as f32 - 0.5;
    let shape = [IMAGES, channels, height, width];
    let images: Vec<f32> = (0..shape.iter().product()).map(|_| uniform()).collect();
    let tensor = Tensor::from_data(TensorData::new(images.clone(), shape), &Device::flex());
    let logits: Vec<f32> = network.forward(tensor).into_data().iter::<f32>().collect();
    for opset in OPSETS {
        for (suffix, batch) in [("", None), ("-fixed", Some(BATCH))] {
            let path = folder.join(format!("{}-{opset}{suffix}.onnx", info.name));
            let form = OnnxForm { opset, batch };
            let bytes = to_onnx(&network, form, Precision::Single, &Default::default(), &path)?;
            fs::write(path, bytes)?;
        }
    }
    let file = io::BufWriter::new(fs::File::create(folder.join(format!("{}.json", info.name)))?);
    let record = serde_json::json!({ "shape": shape, "images": images, "logits": logits });
    Ok(serde_json::to_writer(file, &record)?)
}
