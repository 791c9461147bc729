//! Image files and what becomes of them before a network.

use clap::{Args, ValueEnum};
use distill_datasets::{
    folder::Unreadable,
    transform::{ExifOrientation, Interpolation, SixteenBit},
};

/// From an image file to a network's input. What is not said comes from `model.json` beside the weights, from
/// `preprocessor_config.json` or from timm's `config.json`.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ImageArguments {
    /// Pixels of the short side before the centre is cut out, as torchvision's `Resize`
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) resize: Option<u16>,
    /// Pixels of the centre that is cut out, as torchvision's `CenterCrop`
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub(crate) crop: Option<u16>,
    /// Share of the short side that is cut out, in place of `--resize`, as in timm
    #[arg(long, value_name = "SHARE", conflicts_with = "resize")]
    pub(crate) crop_pct: Option<f64>,
    /// How images of other proportions become square [default: crop beside `--resize`, `--crop` or `--crop-pct`, else
    /// squeeze]
    #[arg(long, value_name = "HOW")]
    pub(crate) fit: Option<FitArgument>,
    /// Filter of the resize [default: bilinear]
    #[arg(long, value_name = "FILTER")]
    pub(crate) interpolation: Option<InterpolationArgument>,
    /// Use of the orientation in EXIF [default: stored]
    #[arg(long, value_name = "USE")]
    pub(crate) orientation: Option<OrientationArgument>,
    /// Treatment of 16-bit grey [default: scale]
    #[arg(long, value_name = "HOW")]
    pub(crate) sixteen_bit: Option<SixteenBitArgument>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FitArgument {
    Squeeze,
    Crop,
    Pad,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum InterpolationArgument {
    Bilinear,
    Bicubic,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum OrientationArgument {
    Stored,
    Exif,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum SixteenBitArgument {
    Scale,
    Clip,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum UnreadableArgument {
    Refuse,
    Skip,
}

impl From<InterpolationArgument> for Interpolation {
    fn from(argument: InterpolationArgument) -> Self {
        match argument {
            InterpolationArgument::Bilinear => Self::Bilinear,
            InterpolationArgument::Bicubic => Self::Bicubic,
        }
    }
}

impl From<OrientationArgument> for ExifOrientation {
    fn from(argument: OrientationArgument) -> Self {
        match argument {
            OrientationArgument::Stored => Self::Stored,
            OrientationArgument::Exif => Self::Exif,
        }
    }
}

impl From<SixteenBitArgument> for SixteenBit {
    fn from(argument: SixteenBitArgument) -> Self {
        match argument {
            SixteenBitArgument::Scale => Self::Scale,
            SixteenBitArgument::Clip => Self::Clip,
        }
    }
}

impl From<UnreadableArgument> for Unreadable {
    fn from(argument: UnreadableArgument) -> Self {
        match argument {
            UnreadableArgument::Refuse => Self::Refuse,
            UnreadableArgument::Skip => Self::Skip,
        }
    }
}
