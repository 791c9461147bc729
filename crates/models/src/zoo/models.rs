//! The names.

use super::{
    Architecture, DenseNetConfig, EfficientNetLiteConfig, MlpConfig, MobileNetV2Config,
    ResNetCifarConfig, ResNetConfig, ShuffleNetV1Config, ShuffleNetV2Config, VggConfig,
    WideResNetConfig,
};
use crate::{ModelError, Signature};

/// A named network, for a list.
#[derive(Debug, Clone, Copy)]
pub struct ModelInfo {
    /// Name in recipes.
    pub name: &'static str,
    /// What it is, in words.
    pub description: &'static str,
    /// The input and output that the literature counts its parameters for.
    pub signature: Signature,
    architecture: fn() -> Architecture,
}

const CIFAR10: Signature = Signature::images([3, 32, 32], 10);
const CIFAR100: Signature = Signature::images([3, 32, 32], 100);
const IMAGENET: Signature = Signature::images([3, 224, 224], 1000);
const IMAGENET_260: Signature = Signature::images([3, 260, 260], 1000);
const MNIST: Signature = Signature::images([1, 28, 28], 10);

/// Every named network.
pub const MODELS: &[ModelInfo] = &[
    model("vgg-large", "labml.ai tutorial's teacher, dropout 0.1", CIFAR10, || {
        Architecture::Vgg(VggConfig::large())
    }),
    model("vgg-small", "labml.ai tutorial's student", CIFAR10, || {
        Architecture::Vgg(VggConfig::small())
    }),
    model("resnet20", "He et al. 2015 for CIFAR, shortcut A", CIFAR10, || cifar_resnet(20)),
    model("resnet32", "He et al. 2015 for CIFAR, shortcut A", CIFAR10, || cifar_resnet(32)),
    model("resnet44", "He et al. 2015 for CIFAR, shortcut A", CIFAR10, || cifar_resnet(44)),
    model("resnet56", "He et al. 2015 for CIFAR, shortcut A", CIFAR10, || cifar_resnet(56)),
    model("resnet110", "He et al. 2015 for CIFAR, shortcut A", CIFAR10, || cifar_resnet(110)),
    model("resnet8x4", "RepDistiller, four times as wide, shortcut B", CIFAR100, || {
        Architecture::ResNetCifar(ResNetCifarConfig::four_times_as_wide(8))
    }),
    model("resnet32x4", "RepDistiller, four times as wide, shortcut B", CIFAR100, || {
        Architecture::ResNetCifar(ResNetCifarConfig::four_times_as_wide(32))
    }),
    model("wrn-16-2", "wide residual network of RepDistiller", CIFAR100, || wide_resnet(16, 2)),
    model("wrn-40-1", "wide residual network of RepDistiller", CIFAR100, || wide_resnet(40, 1)),
    model("wrn-40-2", "wide residual network of RepDistiller", CIFAR100, || wide_resnet(40, 2)),
    model("vgg8", "RepDistiller, with batch norm", CIFAR100, || {
        Architecture::Vgg(VggConfig::vgg8())
    }),
    model("vgg11", "RepDistiller, with batch norm", CIFAR100, || {
        Architecture::Vgg(VggConfig::vgg11())
    }),
    model("vgg13", "RepDistiller, with batch norm", CIFAR100, || {
        Architecture::Vgg(VggConfig::vgg13())
    }),
    model("mobilenet-v2-half", "RepDistiller, half the width, for CIFAR", CIFAR100, || {
        Architecture::MobileNetV2(MobileNetV2Config::half())
    }),
    model("shufflenet-v1", "RepDistiller, three groups, for CIFAR", CIFAR100, || {
        Architecture::ShuffleNetV1(ShuffleNetV1Config::default())
    }),
    model("shufflenet-v2", "RepDistiller, size 1x, for CIFAR", CIFAR100, || {
        Architecture::ShuffleNetV2(ShuffleNetV2Config::default())
    }),
    model("resnet18", "torchvision, for ImageNet", IMAGENET, || resnet(18)),
    model("resnet34", "torchvision, for ImageNet", IMAGENET, || resnet(34)),
    model("resnet50", "torchvision, for ImageNet", IMAGENET, || resnet(50)),
    model("resnet18-cifar", "torchvision's with a 3x3 stem, kuangliu", CIFAR10, || {
        wide_cifar_resnet(18)
    }),
    model("resnet34-cifar", "torchvision's with a 3x3 stem, kuangliu", CIFAR10, || {
        wide_cifar_resnet(34)
    }),
    model("resnet50-cifar", "torchvision's with a 3x3 stem, kuangliu", CIFAR10, || {
        wide_cifar_resnet(50)
    }),
    model("densenet121", "torchvision, for ImageNet", IMAGENET, || densenet(121)),
    model("densenet169", "torchvision, for ImageNet", IMAGENET, || densenet(169)),
    model("densenet201", "torchvision, for ImageNet", IMAGENET, || densenet(201)),
    model("mobilenet-v2", "torchvision, for ImageNet", IMAGENET, || {
        Architecture::MobileNetV2(MobileNetV2Config::torchvision())
    }),
    model("efficientnet-lite0", "TensorFlow's, as timm names it, for ImageNet", IMAGENET, || {
        Architecture::EfficientNetLite(EfficientNetLiteConfig::lite0())
    }),
    model(
        "efficientnet-lite2",
        "TensorFlow's, as timm names it, for ImageNet",
        IMAGENET_260,
        || Architecture::EfficientNetLite(EfficientNetLiteConfig::lite2()),
    ),
    model(
        "mlp-1200",
        "teacher of Hinton et al. 2015, dropout 0.5 hidden and 0.2 input",
        MNIST,
        || {
            let dropout =
                MlpConfig { dropout: 0.5, input_dropout: 0.2, ..MlpConfig::of_width(1200) };
            Architecture::Mlp(dropout)
        },
    ),
    model("mlp-800", "student of Hinton et al. 2015", MNIST, || {
        Architecture::Mlp(MlpConfig::of_width(800))
    }),
];

const fn model(
    name: &'static str,
    description: &'static str,
    signature: Signature,
    architecture: fn() -> Architecture,
) -> ModelInfo {
    ModelInfo { name, description, signature, architecture }
}

fn cifar_resnet(depth: usize) -> Architecture {
    Architecture::ResNetCifar(ResNetCifarConfig::of_depth(depth))
}

fn resnet(depth: usize) -> Architecture {
    Architecture::ResNet(ResNetConfig::of_depth(depth))
}

fn densenet(depth: usize) -> Architecture {
    Architecture::DenseNet(DenseNetConfig::of_depth(depth))
}

fn wide_cifar_resnet(depth: usize) -> Architecture {
    Architecture::ResNet(ResNetConfig::for_cifar(depth))
}

fn wide_resnet(depth: usize, widen: usize) -> Architecture {
    Architecture::WideResNet(WideResNetConfig::new(depth, widen))
}

impl ModelInfo {
    /// The entry called `name`.
    ///
    /// # Errors
    /// [`ModelError::Unknown`] with the names that there are.
    pub fn named(name: &str) -> Result<&'static Self, ModelError> {
        MODELS.iter().find(|info| info.name == name).ok_or_else(|| {
            let known: Vec<&str> = MODELS.iter().map(|info| info.name).collect();
            ModelError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// The configuration behind the name.
    pub fn architecture(&self) -> Architecture {
        (self.architecture)()
    }
}
