//! Networks by name: one architecture, one file.

mod densenet;
mod efficientnet_lite;
mod mlp;
mod mobilenet_v2;
mod models;
mod overrides;
mod resnet;
mod resnet_cifar;
mod shortcut;
mod shufflenet_v1;
mod shufflenet_v2;
mod vgg;
mod wide_resnet;

use burn::tensor::Device;
use rand_core::RngCore;
use serde::{Deserialize, Serialize};

pub use densenet::DenseNetConfig;
pub use efficientnet_lite::EfficientNetLiteConfig;
pub use mlp::MlpConfig;
pub use mobilenet_v2::{MobileNetV2Config, MobileNetV2Layout};
pub use models::{MODELS, ModelInfo};
pub use overrides::Overrides;
pub use resnet::{ResNetConfig, ResNetStem};
pub use resnet_cifar::ResNetCifarConfig;
pub use shortcut::Shortcut;
pub use shufflenet_v1::ShuffleNetV1Config;
pub use shufflenet_v2::ShuffleNetV2Config;
pub use vgg::{VggConfig, VggLayout};
pub use wide_resnet::WideResNetConfig;

use crate::{
    Cost, Graph, ModelError, Network, NormKind, Signature,
    graph::Builder,
    initialise::{Initial, initialise},
};

/// The list of families: each has a file and a row here.
macro_rules! families {
    ($($(#[$docs:meta])* $family:ident($config:ident),)*) => {
        /// A network's configuration, whole: enough to build it again.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "family", rename_all = "kebab-case")]
        pub enum Architecture {
            $($(#[$docs])* $family($config),)*
        }

        impl Architecture {
            fn family(&self) -> &dyn Family {
                match self {
                    $(Self::$family(config) => config,)*
                }
            }

            fn family_mut(&mut self) -> &mut dyn Family {
                match self {
                    $(Self::$family(config) => config,)*
                }
            }
        }
    };
}

families! {
    /// Convolutional, [`VggConfig`].
    Vgg(VggConfig),
    /// Fully connected, [`MlpConfig`].
    Mlp(MlpConfig),
    /// Residual, for CIFAR, [`ResNetCifarConfig`].
    ResNetCifar(ResNetCifarConfig),
    /// Residual, for ImageNet or as wide for CIFAR, [`ResNetConfig`].
    ResNet(ResNetConfig),
    /// Wide residual, [`WideResNetConfig`].
    WideResNet(WideResNetConfig),
    /// Densely connected, [`DenseNetConfig`].
    DenseNet(DenseNetConfig),
    /// Inverted residuals, [`MobileNetV2Config`].
    MobileNetV2(MobileNetV2Config),
    /// Inverted residuals padded unevenly, [`EfficientNetLiteConfig`].
    EfficientNetLite(EfficientNetLiteConfig),
    /// Shuffled groups, [`ShuffleNetV1Config`].
    ShuffleNetV1(ShuffleNetV1Config),
    /// Shuffled halves, [`ShuffleNetV2Config`].
    ShuffleNetV2(ShuffleNetV2Config),
}

/// What an architecture says of itself.
trait Family {
    /// Takes from `overrides` those fields that it has.
    fn set(&mut self, overrides: &mut Overrides);

    /// Checks the ranges of its fields, which needs no data.
    fn check(&self) -> Result<(), ModelError>;

    /// Its kind of batch norm; none where it has none.
    fn norm(&self) -> Option<NormKind>;

    /// Writes its layers down. Its fields are checked.
    fn describe(&self, graph: &mut Builder) -> Result<(), ModelError>;

    /// How its weights are drawn.
    fn initial(&self) -> Initial {
        Initial::Uniform
    }

    /// Other names of its weights: parts of names in files, and what they are here.
    fn aliases(&self) -> Vec<Alias> {
        Vec::new()
    }
}

/// A part of a name in files, and what it is here.
type Alias = (String, String);

fn aliases(parts: &[(&str, &str)]) -> Vec<Alias> {
    parts.iter().map(|(theirs, ours)| ((*theirs).to_owned(), (*ours).to_owned())).collect()
}

/// Puts a given value in the place of a field's.
fn set<T>(field: &mut T, given: &mut Option<T>) {
    if let Some(value) = given.take() {
        *field = value;
    }
}

/// Refuses what is no probability of dropout.
fn check_dropout(field: &'static str, value: f64) -> Result<(), ModelError> {
    match (0.0..1.0).contains(&value) {
        true => Ok(()),
        false => Err(ModelError::config(field, value, "a number in [0, 1)")),
    }
}

impl Architecture {
    /// The network called `name`, with `overrides` over its fields.
    ///
    /// # Errors
    /// [`ModelError`] for an unknown name and for a field that the network does not have.
    pub fn named(name: &str, mut overrides: Overrides) -> Result<Self, ModelError> {
        let mut architecture = ModelInfo::named(name)?.architecture();
        architecture.family_mut().set(&mut overrides);
        match overrides.left() {
            None => Ok(architecture),
            Some((field, value)) => Err(ModelError::Config {
                field,
                value,
                expected: format!("no such field: `{name}` has none"),
            }),
        }
    }

    /// Checks the configuration against what goes in and comes out.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check(&self, signature: &Signature) -> Result<(), ModelError> {
        self.graph(signature).map(|_| ())
    }

    /// Checks the ranges of the fields, which needs no data.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn check_fields(&self) -> Result<(), ModelError> {
        self.family().check()
    }

    /// The network's layers, with their names, shapes and costs.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field's name.
    pub fn graph(&self, signature: &Signature) -> Result<Graph, ModelError> {
        signature.check()?;
        self.family().check()?;
        let mut builder = Builder::new(signature, self.norm().unwrap_or_default());
        let described = self.family().describe(&mut builder);
        builder.check()?;
        described?;
        builder.aliases(self.family().aliases());
        builder.finish()
    }

    /// Parameters and multiply-accumulates.
    ///
    /// # Errors
    /// [`ModelError::Config`] as [`check`](Self::check) gives it.
    pub fn cost(&self, signature: &Signature) -> Result<Cost, ModelError> {
        Ok(self.graph(signature)?.cost())
    }

    /// Its kind of batch norm; none where it has none.
    pub fn norm(&self) -> Option<NormKind> {
        self.family().norm()
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
        let network = Network::new(self.graph(signature)?, device);
        Ok(initialise(network, self.family().initial(), rng))
    }
}
