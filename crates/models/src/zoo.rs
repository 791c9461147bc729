//! Networks by name.

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use rand_core::RngCore;
use serde::{Deserialize, Serialize};

use crate::{
    Cost, ModelError, Signature, Tap,
    initialise::initialise,
    mlp::{Mlp, MlpConfig},
    norm::NormKind,
    taps::Recorder,
    vgg::{Vgg, VggConfig},
};

/// A network's configuration, whole: enough to build it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "family", rename_all = "kebab-case")]
pub enum Architecture {
    /// Convolutional, [`VggConfig`].
    Vgg(VggConfig),
    /// Fully connected, [`MlpConfig`].
    Mlp(MlpConfig),
}

/// A named network, for a list.
#[derive(Debug, Clone, Copy)]
pub struct ModelInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// What it is, in words.
    pub description: &'static str,
    architecture: fn() -> Architecture,
}

/// Every named network.
pub const MODELS: &[ModelInfo] = &[
    ModelInfo {
        name: "vgg-large",
        description: "labml.ai tutorial's teacher, dropout 0.1",
        architecture: || Architecture::Vgg(VggConfig::large()),
    },
    ModelInfo {
        name: "vgg-small",
        description: "labml.ai tutorial's student",
        architecture: || Architecture::Vgg(VggConfig::small()),
    },
    ModelInfo {
        name: "mlp-1200",
        description: "teacher of Hinton et al. 2015, dropout 0.5 hidden and 0.2 input",
        architecture: || {
            let dropout =
                MlpConfig { dropout: 0.5, input_dropout: 0.2, ..MlpConfig::of_width(1200) };
            Architecture::Mlp(dropout)
        },
    },
    ModelInfo {
        name: "mlp-800",
        description: "student of Hinton et al. 2015",
        architecture: || Architecture::Mlp(MlpConfig::of_width(800)),
    },
];

impl ModelInfo {
    /// The configuration behind the name.
    pub fn architecture(&self) -> Architecture {
        (self.architecture)()
    }
}

/// Fields that a recipe may set over those of the named network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Overrides {
    /// For VGGs: output channels of each convolution of each block.
    pub blocks: Option<Vec<Vec<usize>>>,
    /// For VGGs: kind of batch norm.
    pub norm: Option<NormKind>,
    /// For perceptrons: units of each hidden layer.
    pub hidden: Option<Vec<usize>>,
    /// For both: probability of dropout.
    pub dropout: Option<f64>,
    /// For perceptrons: probability of dropout of input pixels.
    pub input_dropout: Option<f64>,
}

impl Architecture {
    /// The network called `name`, with `overrides` over its fields.
    ///
    /// # Errors
    /// [`ModelError`] for an unknown name and for a field that the network does not have.
    pub fn named(name: &str, overrides: Overrides) -> Result<Self, ModelError> {
        let info = MODELS.iter().find(|info| info.name == name).ok_or_else(|| {
            let known: Vec<&str> = MODELS.iter().map(|info| info.name).collect();
            ModelError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })?;
        let refuse = |field, value: String| {
            Err(ModelError::Config {
                field,
                value,
                expected: format!("no such field: `{name}` has none"),
            })
        };
        let mut architecture = info.architecture();
        let Overrides { blocks, norm, hidden, dropout, input_dropout } = overrides;
        match &mut architecture {
            Self::Vgg(config) => {
                if let Some(hidden) = hidden {
                    return refuse("hidden", format!("{hidden:?}"));
                }
                if let Some(input_dropout) = input_dropout {
                    return refuse("input_dropout", input_dropout.to_string());
                }
                config.blocks = blocks.unwrap_or_else(|| std::mem::take(&mut config.blocks));
                config.norm = norm.unwrap_or(config.norm);
                config.dropout = dropout.unwrap_or(config.dropout);
            }
            Self::Mlp(config) => {
                if let Some(blocks) = blocks {
                    return refuse("blocks", format!("{blocks:?}"));
                }
                if let Some(norm) = norm {
                    return refuse("norm", format!("{norm:?}").to_lowercase());
                }
                config.hidden = hidden.unwrap_or_else(|| std::mem::take(&mut config.hidden));
                config.dropout = dropout.unwrap_or(config.dropout);
                config.input_dropout = input_dropout.unwrap_or(config.input_dropout);
            }
        }
        Ok(architecture)
    }

    /// Checks the configuration against what goes in and comes out.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check(&self, signature: &Signature) -> Result<(), ModelError> {
        let Signature { channels, height, width, classes } = *signature;
        if channels == 0 || height == 0 || width == 0 || classes < 2 {
            return Err(ModelError::config(
                "signature",
                signature,
                "an image and at least 2 classes",
            ));
        }
        self.check_fields()?;
        match self {
            Self::Vgg(config) => config.check_input(signature),
            Self::Mlp(_) => Ok(()),
        }
    }

    /// Checks the ranges of the fields, which needs no data.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check_fields(&self) -> Result<(), ModelError> {
        match self {
            Self::Vgg(config) => config.check_fields(),
            Self::Mlp(config) => config.check_fields(),
        }
    }

    /// Parameters and multiply-accumulates.
    pub fn cost(&self, signature: &Signature) -> Cost {
        match self {
            Self::Vgg(config) => config.cost(signature),
            Self::Mlp(config) => config.cost(signature),
        }
    }

    /// Builds the network on `device` with weights drawn from `rng`.
    ///
    /// # Errors
    /// [`ModelError::Config`] as [`check`](Self::check) gives it.
    pub fn init(
        &self,
        signature: &Signature,
        rng: &mut impl RngCore,
        device: &Device,
    ) -> Result<Network, ModelError> {
        self.check(signature)?;
        let network = match self {
            Self::Vgg(config) => Network::Vgg(config.init(signature, device)),
            Self::Mlp(config) => Network::Mlp(config.init(signature, device)),
        };
        Ok(initialise(network, rng))
    }
}

/// A network of the zoo.
///
/// It trains (dropout, batch statistics, gradients) where it stands on an autodiff device and its
/// input too; `valid()` gives the evaluation form.
#[derive(Module, Debug)]
pub enum Network {
    /// A [`Vgg`].
    Vgg(Vgg),
    /// An [`Mlp`].
    Mlp(Mlp),
}

impl Network {
    /// Logits of a batch.
    ///
    /// # Shapes
    /// - `images`: `[batch, channels, height, width]`
    /// - output: `[batch, classes]`
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.run(images, &mut Recorder::off())
    }

    /// Logits of a batch and the features at every tap, shallow to deep.
    pub fn forward_with_taps(&self, images: Tensor<4>) -> (Tensor<2>, Vec<Tap>) {
        let mut taps = Recorder::on();
        let logits = self.run(images, &mut taps);
        (logits, taps.into_taps())
    }

    fn run(&self, images: Tensor<4>, taps: &mut Recorder) -> Tensor<2> {
        match self {
            Self::Vgg(vgg) => vgg.forward(images, taps),
            Self::Mlp(mlp) => mlp.forward(images, taps),
        }
    }
}
