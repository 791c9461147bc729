//! Trained networks.

use std::{path::PathBuf, str::FromStr};

use clap::Args;

use super::{DataArguments, DeviceArguments, ImageArguments, UnreadableArgument};

#[derive(Debug, Args)]
pub(crate) struct NetworkArguments {
    /// Name of the network, where no `model.json` lies beside the weights
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Set a field of that network, as in a recipe: `norm=batch`, `shortcut=b`
    #[arg(long = "set", value_name = "FIELD=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Which network of the file, where it holds several, as `model` and `model_ema`: a part of the names in front of
    /// its own
    #[arg(long, value_name = "KEY")]
    pub(crate) weights_key: Option<String>,
    /// Mean of each channel that the network was trained with, for pixels in [0, 1]
    #[arg(
        long,
        value_name = "R,G,B",
        value_delimiter = ',',
        allow_hyphen_values = true,
        requires = "std"
    )]
    pub(crate) mean: Option<Vec<f32>>,
    /// Deviation of each channel
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', requires = "mean")]
    pub(crate) std: Option<Vec<f32>>,
    /// Image size that the network takes, in pixels
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) size: Option<u16>,
}

#[derive(Debug, Args)]
pub(crate) struct EvaluateArguments {
    /// Weights: `.bpk`, safetensors, PyTorch (`.pt`, `.pth`, `.th`) or ONNX
    pub(crate) weights: PathBuf,
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
    #[command(flatten)]
    pub(crate) images: ImageArguments,
    /// Names of the classes in the order of the logits, where no `model.json` lies beside the weights
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
    /// Dataset whose test split is read [default: `folder` beside `--path`, else the one of `model.json`]
    #[arg(long, value_name = "NAME")]
    pub(crate) dataset: Option<String>,
    /// A folder of images, from here or below the data folder: test/CLASS or val/CLASS in it, or CLASS
    #[arg(long, value_name = "DIR")]
    pub(crate) path: Option<PathBuf>,
    /// Treatment of files that do not decode [default: refuse]
    #[arg(long, value_name = "HOW")]
    pub(crate) unreadable: Option<UnreadableArgument>,
    /// Read only the first so many test images
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: Option<u32>,
    /// Write the label and the logits of each image to a file, a line of JSON each
    #[arg(long, value_name = "FILE")]
    pub(crate) logits: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
}

#[derive(Debug, Args)]
pub(crate) struct PredictArguments {
    /// Weights: `.bpk`, safetensors, PyTorch (`.pt`, `.pth`, `.th`) or ONNX
    pub(crate) weights: PathBuf,
    /// Images of any size, or folders of images
    #[arg(required = true, value_name = "IMAGES")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
    #[command(flatten)]
    pub(crate) images: ImageArguments,
    /// Names of the classes in the order of the logits, where no `model.json` lies beside the weights
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) classes: Vec<String>,
    /// How many classes to name for each image
    #[arg(long, value_name = "K", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) top: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// Name of a network, or a file of weights
    pub(crate) what: String,
    #[command(flatten)]
    pub(crate) network: NetworkArguments,
    /// Number of classes [default: the literature's]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    pub(crate) classes: Option<u32>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Folder of a run
    pub(crate) run: PathBuf,
    /// Files to write
    #[arg(long, value_name = "KINDS", value_delimiter = ',', default_values = ["bpk", "safetensors", "onnx"])]
    pub(crate) formats: Vec<Format>,
    /// Write weights as 16-bit floats: half the size
    #[arg(long)]
    pub(crate) half: bool,
    /// Of the ONNX file: version of the operator set, 9 to 17 [default: 17]
    #[arg(long, value_name = "VERSION")]
    pub(crate) opset: Option<u16>,
    /// Of the ONNX file: images in a batch, or `free` [default: free]
    #[arg(long, value_name = "N")]
    pub(crate) batch: Option<Batch>,
    /// The network: teacher, baseline, student or one of the recipe's `[networks]`. All but the student go into a folder
    /// of their own, `export-NAME`
    #[arg(long, value_name = "NAME", default_value = "student")]
    pub(crate) stage: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) device: DeviceArguments,
}

/// Number of images in a batch; `None` for a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch(pub(crate) Option<usize>);

impl FromStr for Batch {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<u16>() {
            Ok(images) if images > 0 => Ok(Self(Some(images.into()))),
            _ if text == "free" => Ok(Self(None)),
            _ => Err("expected a number of images from 1 to 65535, or `free`"),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    Bpk,
    Safetensors,
    Onnx,
}
