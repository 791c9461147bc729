//! Input and output of a network, and its cost.

use std::fmt;

use burn::tensor::{Bool, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::ModelError;

/// Input and output of a network.
///
/// Written flat: `channels`, `height`, `width` and `classes` of an image classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Signature {
    /// Kind and size of a sample.
    pub input: InputSpec,
    /// Meaning and width of a row of the output.
    pub output: OutputSpec,
}

/// Kind and size of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputSpec {
    /// An image.
    Image {
        /// Channels: 1 or 3 as a rule.
        channels: usize,
        /// Height in pixels.
        height: usize,
        /// Width in pixels.
        width: usize,
    },
    /// A sequence of tokens.
    Tokens {
        /// Number of token ids, at most 2²⁴.
        vocabulary: usize,
        /// Longest sequence.
        context: usize,
    },
}

/// Meaning and width of a row of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputSpec {
    /// Logits of so many classes, at least 2, a row for each sample.
    Classes(usize),
    /// Logits of the next token, a row for each position.
    NextToken {
        /// Number of token ids, at least 2.
        vocabulary: usize,
    },
    /// A vector, a row for each sample.
    Embedding {
        /// Numbers of the vector, at least 1.
        width: usize,
    },
}

/// A batch of a network's input, on its device.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one is made a batch, and moved into its forward pass"
)]
pub enum NetworkInput {
    /// Images, `[batch, channels, height, width]`.
    Images(Tensor<4>),
    /// Sequences of one length, the shorter ones padded.
    Tokens {
        /// Token ids, `[batch, length]`.
        ids: Tensor<2, Int>,
        /// Whether a position counts, `[batch, length]`: false for padding.
        mask: Tensor<2, Bool>,
    },
}

/// What a network costs, from its configuration alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// Trainable numbers. Running statistics are not counted, as in the literature.
    pub parameters: u64,
    /// Multiply-accumulate operations of convolutions and linear layers for one sample.
    pub macs: u64,
}

impl Signature {
    /// A classifier of images of `[channels, height, width]`.
    pub const fn images([channels, height, width]: [usize; 3], classes: usize) -> Self {
        let input = InputSpec::Image { channels, height, width };
        Self { input, output: OutputSpec::Classes(classes) }
    }

    /// `[channels, height, width]` of the images; `None` for other input.
    pub const fn image(&self) -> Option<[usize; 3]> {
        match self.input {
            InputSpec::Image { channels, height, width } => Some([channels, height, width]),
            InputSpec::Tokens { .. } => None,
        }
    }

    /// Number of classes; `None` for other outputs.
    pub const fn classes(&self) -> Option<usize> {
        match self.output {
            OutputSpec::Classes(classes) => Some(classes),
            OutputSpec::NextToken { .. } | OutputSpec::Embedding { .. } => None,
        }
    }

    /// Checks the ranges of sizes.
    ///
    /// # Errors
    /// [`ModelError::Config`] with the field `signature`.
    pub fn check(&self) -> Result<(), ModelError> {
        let input = match self.input {
            InputSpec::Image { channels, height, width } => ![channels, height, width].contains(&0),
            InputSpec::Tokens { vocabulary, context } => {
                (1..=1 << 24).contains(&vocabulary) && context > 0
            }
        };
        let output = match self.output {
            OutputSpec::Classes(width) | OutputSpec::NextToken { vocabulary: width } => width >= 2,
            OutputSpec::Embedding { width } => width >= 1,
        };
        match input && output {
            true => Ok(()),
            false => Err(ModelError::config("signature", self, RANGES)),
        }
    }
}

const RANGES: &str =
    "an image, or tokens of a vocabulary of at most 2²⁴, and at least 2 classes or a vector";

impl InputSpec {
    /// `[channels, height, width]` of the value that the network begins with: of tokens, ids and mask side by side.
    pub(crate) fn shape(&self) -> [usize; 3] {
        match *self {
            Self::Image { channels, height, width } => [channels, height, width],
            Self::Tokens { context, .. } => [2, 1, context],
        }
    }
}

impl OutputSpec {
    /// Numbers of a row.
    pub const fn width(&self) -> usize {
        match *self {
            Self::Classes(width)
            | Self::NextToken { vocabulary: width }
            | Self::Embedding { width } => width,
        }
    }
}

impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.input {
            InputSpec::Image { channels, height, width } => {
                write!(f, "{channels}x{height}x{width}")?;
            }
            InputSpec::Tokens { vocabulary, context } => {
                write!(f, "{context} tokens of {vocabulary}")?;
            }
        }
        write!(f, " to {}", self.output.width())
    }
}

impl From<Tensor<4>> for NetworkInput {
    fn from(images: Tensor<4>) -> Self {
        Self::Images(images)
    }
}

impl NetworkInput {
    /// The same input on the autodiff device.
    #[must_use]
    pub fn autodiff(self) -> Self {
        match self {
            Self::Images(images) => Self::Images(images.autodiff()),
            Self::Tokens { ids, mask } => {
                Self::Tokens { ids: ids.autodiff(), mask: mask.autodiff() }
            }
        }
    }
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.parameters = self.parameters.saturating_add(other.parameters);
        self.macs = self.macs.saturating_add(other.macs);
    }
}

impl Cost {
    pub(crate) fn zero() -> Self {
        Self { parameters: 0, macs: 0 }
    }
}

/// A signature as it is written: the fields of its kinds alone.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    #[serde(skip_serializing_if = "Option::is_none")]
    channels: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vocabulary: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    classes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    embedding: Option<usize>,
}

impl From<Signature> for Written {
    fn from(signature: Signature) -> Self {
        let mut written = Self::default();
        match signature.input {
            InputSpec::Image { channels, height, width } => {
                (written.channels, written.height) = (Some(channels), Some(height));
                written.width = Some(width);
            }
            InputSpec::Tokens { vocabulary, context } => {
                (written.vocabulary, written.context) = (Some(vocabulary), Some(context));
            }
        }
        match signature.output {
            OutputSpec::Classes(classes) => written.classes = Some(classes),
            OutputSpec::NextToken { vocabulary } => written.next_token = Some(vocabulary),
            OutputSpec::Embedding { width } => written.embedding = Some(width),
        }
        written
    }
}

impl TryFrom<Written> for Signature {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let Written { channels, height, width, vocabulary, context, .. } = written;
        let input = match (channels, height, width, vocabulary, context) {
            (Some(channels), Some(height), Some(width), None, None) => {
                InputSpec::Image { channels, height, width }
            }
            (None, None, None, Some(vocabulary), Some(context)) => {
                InputSpec::Tokens { vocabulary, context }
            }
            _ => {
                return Err(
                    "expected `channels`, `height` and `width`, or `vocabulary` and `context`",
                );
            }
        };
        let output = match (written.classes, written.next_token, written.embedding) {
            (Some(classes), None, None) => OutputSpec::Classes(classes),
            (None, Some(vocabulary), None) => OutputSpec::NextToken { vocabulary },
            (None, None, Some(width)) => OutputSpec::Embedding { width },
            _ => return Err("expected one of `classes`, `next_token` and `embedding`"),
        };
        Ok(Self { input, output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_written_flat_and_read_back() {
        let images = Signature::images([3, 32, 24], 10);
        let text = serde_json::to_string(&images).unwrap();
        assert_eq!(text, r#"{"channels":3,"height":32,"width":24,"classes":10}"#);
        let tokens = InputSpec::Tokens { vocabulary: 50, context: 8 };
        for output in [
            OutputSpec::Classes(3),
            OutputSpec::NextToken { vocabulary: 50 },
            OutputSpec::Embedding { width: 16 },
        ] {
            let signature = Signature { input: tokens, output };
            let text = serde_json::to_string(&signature).unwrap();
            assert_eq!(serde_json::from_str::<Signature>(&text).unwrap(), signature);
        }
    }

    #[test]
    fn halves_of_two_signatures_are_refused() {
        for (text, expected) in [
            (r#"{"channels":3,"height":32,"width":24}"#, "one of `classes`"),
            (r#"{"channels":3,"height":32,"context":8,"classes":2}"#, "`vocabulary` and `context`"),
            (
                r#"{"channels":3,"height":3,"width":2,"classes":2,"sides":1}"#,
                "unknown field `sides`",
            ),
        ] {
            let error = serde_json::from_str::<Signature>(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let none = Signature {
            output: OutputSpec::Embedding { width: 0 },
            ..Signature::images([1, 1, 1], 2)
        };
        assert!(none.check().is_err());
    }
}
