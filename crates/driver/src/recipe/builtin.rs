//! Built-in recipes by name.

use crate::DriverError;

/// A recipe that is compiled in.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

macro_rules! builtin {
    ($($name:literal),+ $(,)?) => {
        &[$(Builtin {
            name: $name,
            text: include_str!(concat!("../../recipes/", $name, ".toml")),
        }),+]
    };
}

/// Every recipe that is compiled in, the default one first.
pub const BUILTIN: &[Builtin] = builtin![
    "digits",
    "labml-cifar10",
    "cifar10-resnet56-to-resnet20",
    "cifar10-resnet56-to-vgg-small",
    "mnist-hinton",
    "mnist-few-labels",
    "mnist-ensemble",
    "digits-ensemble",
    "digits-assistant",
    "digits-born-again",
    "digits-mutual",
    "digits-checkpoints",
    "digits-specialists",
];

pub(super) fn find(name: &str) -> Result<&'static Builtin, DriverError> {
    BUILTIN.iter().find(|recipe| recipe.name == name).ok_or_else(|| {
        let names: Vec<&str> = BUILTIN.iter().map(|recipe| recipe.name).collect();
        let nearest = names.iter().max_by(|a, b| {
            let likeness = |candidate: &str| strsim::jaro_winkler(name, candidate);
            likeness(a).total_cmp(&likeness(b))
        });
        let nearest = nearest.copied().unwrap_or_default();
        let known = names.join(", ");
        DriverError::recipe(
            name,
            format!(
                "no recipe has this name, expected one of {known}, or a file ending in `.toml`\n\
                 hint: did you mean `{nearest}`?"
            ),
        )
    })
}
