use crate::DriverError;

/// A recipe that is compiled in.
#[derive(Debug, Clone, Copy)]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// Every recipe that is compiled in, the default one first.
pub const BUILTIN: &[Builtin] = &[
    Builtin { name: "digits", text: include_str!("../../recipes/digits.toml") },
    Builtin { name: "labml-cifar10", text: include_str!("../../recipes/labml-cifar10.toml") },
    Builtin {
        name: "cifar10-resnet56-to-resnet20",
        text: include_str!("../../recipes/cifar10-resnet56-to-resnet20.toml"),
    },
    Builtin {
        name: "cifar10-resnet56-to-vgg-small",
        text: include_str!("../../recipes/cifar10-resnet56-to-vgg-small.toml"),
    },
    Builtin { name: "mnist-hinton", text: include_str!("../../recipes/mnist-hinton.toml") },
    Builtin { name: "mnist-few-labels", text: include_str!("../../recipes/mnist-few-labels.toml") },
    Builtin { name: "mnist-ensemble", text: include_str!("../../recipes/mnist-ensemble.toml") },
    Builtin { name: "digits-ensemble", text: include_str!("../../recipes/digits-ensemble.toml") },
    Builtin { name: "digits-assistant", text: include_str!("../../recipes/digits-assistant.toml") },
    Builtin {
        name: "digits-born-again",
        text: include_str!("../../recipes/digits-born-again.toml"),
    },
    Builtin { name: "digits-mutual", text: include_str!("../../recipes/digits-mutual.toml") },
    Builtin {
        name: "digits-checkpoints",
        text: include_str!("../../recipes/digits-checkpoints.toml"),
    },
    Builtin {
        name: "digits-specialists",
        text: include_str!("../../recipes/digits-specialists.toml"),
    },
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
