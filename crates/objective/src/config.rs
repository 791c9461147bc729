//! What configurations of terms have in common: how their fields are written down, and checks of several.

use crate::ConfigError;

/// Defines the configuration of a term as recipes write it. What a recipe leaves out has its default, a field
/// that is not listed is refused, and fields are written in the order of the list.
///
/// A field is `name: type = default` below its doc line. Fields of many terms are short: `taps`,
/// `temperature = 4.0`, `standardise` and `weight = 1.0`.
macro_rules! config {
    ($(#[$doc:meta])* $name:ident { $($fields:tt)* }) => {
        config! { @ [$(#[$doc])* $name] [] $($fields)* }
    };
    (@ $head:tt [$($done:tt)*] taps, $($rest:tt)*) => {
        config! { @ $head [$($done)*
            /// Names of the features that are compared, [student, teacher].
            #[serde(skip_serializing_if = "Vec::is_empty")]
            taps: Vec<[String; 2]> = Vec::new(),
        ] $($rest)* }
    };
    (@ $head:tt [$($done:tt)*] taps from shallow to deep, $($rest:tt)*) => {
        config! { @ $head [$($done)*
            /// Names of the features that are compared, [student, teacher], shallow to deep.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            taps: Vec<[String; 2]> = Vec::new(),
        ] $($rest)* }
    };
    (@ $head:tt [$($done:tt)*] temperature = $value:literal, $($rest:tt)*) => {
        config! { @ $head [$($done)*
            /// Softening temperature T.
            temperature: $crate::Schedule = $crate::Schedule::constant($value),
        ] $($rest)* }
    };
    (@ $head:tt [$($done:tt)*] standardise, weight = $value:literal, $($rest:tt)*) => {
        config! { @ $head [$($done)*] standardise,
            /// Factor of this term in the sum; T² is not part of it.
            weight: $crate::Schedule = $crate::Schedule::constant($value),
            $($rest)*
        }
    };
    (@ $head:tt [$($done:tt)*] standardise, $($rest:tt)*) => {
        config! { @ $head [$($done)*
            /// Whether both networks' logits are [standardised](crate::standardise) first.
            standardise: bool = false,
        ] $($rest)* }
    };
    (@ $head:tt [$($done:tt)*] weight = $value:literal, $($rest:tt)*) => {
        config! { @ $head [$($done)*
            /// Factor of this term in the sum.
            weight: $crate::Schedule = $crate::Schedule::constant($value),
        ] $($rest)* }
    };
    (@ $head:tt [$($done:tt)*]
        $(#[$meta:meta])* $field:ident: $type:ty = $default:expr, $($rest:tt)*) => {
        config! { @ $head [$($done)* $(#[$meta])* $field: $type = $default,] $($rest)* }
    };
    (@ [$(#[$doc:meta])* $name:ident]
        [$($(#[$meta:meta])* $field:ident: $type:ty = $default:expr,)*]) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[$meta])* pub $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

pub(crate) use config;

/// Refuses factors of a loss of two parts: one that is out of its range, or both zero.
pub(crate) fn check_factors(factors: [(&str, f64); 2]) -> Result<(), ConfigError> {
    for (field, factor) in factors {
        if !(0.0..=1e9).contains(&factor) {
            return Err(ConfigError::new(field, factor, "a number from 0 to 1e9"));
        }
    }
    let [(first, a), (second, b)] = factors;
    if a == 0.0 && b == 0.0 {
        return Err(ConfigError::new(first, 0, format!("above 0 where `{second}` is 0")));
    }
    Ok(())
}
