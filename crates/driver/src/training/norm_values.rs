//! Values per channel that a batch norm has in training: their variance needs two at the least.
//!
//! PyTorch refuses one value, "Expected more than 1 value per channel when training": its variance is 0, so that the
//! norm's output is its bias whatever the image, and running variances go to 0.

use distill_models::Graph;

/// What makes a batch norm see one sample at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneSample {
    /// Each batch is one sample.
    Batch,
    /// The parts of a batch are.
    Parts,
    /// The last batch of an epoch is, or a part of it.
    LastBatch,
}

impl OneSample {
    /// Whether an epoch of `samples`, in batches of `batch` and `parts` of these, has one sample at a time.
    pub(crate) fn of(samples: usize, batch: usize, parts: usize) -> Option<Self> {
        let full = batch.min(samples);
        if full == 1 {
            return Some(Self::Batch);
        }
        if smallest_part(full, parts) == 1 {
            return Some(Self::Parts);
        }
        let last = samples.checked_rem(full)?;
        (last > 0 && smallest_part(last, parts) == 1).then_some(Self::LastBatch)
    }

    /// The optimizer's field that decides it, what is expected of it, and a way out.
    pub(crate) fn words(self) -> [&'static str; 3] {
        match self {
            Self::Batch => {
                let way_out = "raise `optimizer.batch`, or take larger images";
                ["batch", "at least 2 images", way_out]
            }
            Self::Parts => {
                let way_out = "lower `optimizer.accumulate`, or raise `optimizer.batch`";
                ["accumulate", "parts of at least 2 images", way_out]
            }
            Self::LastBatch => {
                let way_out = "change `optimizer.batch`, or the training images with `train`";
                ["batch", "a size that leaves no last batch, or part of it, of one image", way_out]
            }
        }
    }
}

/// The first batch norm of a network that has one value per channel for a sample, if any has.
pub(crate) fn norm_of_one_place(graph: &Graph) -> Option<&str> {
    let mut norms = graph.norms();
    norms.find(|(_, [_, height, width])| height * width == 1).map(|(name, _)| name)
}

/// Samples of the smallest of a batch's parts.
fn smallest_part(batch: usize, parts: usize) -> usize {
    batch / parts.clamp(1, batch.max(1))
}

#[cfg(test)]
mod tests {
    use distill_models::{Architecture, Overrides, Signature};

    use super::*;

    #[test]
    fn one_sample_at_a_time_is_found_wherever_it_comes_from() {
        for (samples, batch, parts, expected) in [
            (64, 16, 1, None),
            (64, 1, 1, Some(OneSample::Batch)),
            (64, 16, 16, Some(OneSample::Parts)),
            (64, 16, 99, Some(OneSample::Parts)),
            (64, 16, 9, Some(OneSample::Parts)),
            (64, 16, 8, None),
            (65, 16, 1, Some(OneSample::LastBatch)),
            (66, 16, 1, None),
            (66, 16, 2, Some(OneSample::LastBatch)),
            (67, 16, 2, Some(OneSample::LastBatch)),
            (68, 16, 2, None),
            (1, 16, 1, Some(OneSample::Batch)),
            (5, 16, 1, None),
        ] {
            assert_eq!(OneSample::of(samples, batch, parts), expected, "{samples} {batch} {parts}");
        }
    }

    #[test]
    fn a_norm_of_one_place_depends_on_the_size_of_the_image() {
        let norm = |name: &str, side: usize| {
            let graph = Architecture::named(name, Overrides::default())
                .and_then(|own| own.graph(&Signature::images([3, side, side], 10)))
                .expect("a network of the zoo");
            norm_of_one_place(&graph).map(str::to_owned)
        };
        assert_eq!(norm("resnet20", 8), None);
        assert_eq!(norm("resnet20", 4).as_deref(), Some("layer3.0.bn1"));
        assert_eq!(norm("resnet18", 64), None);
        assert_eq!(norm("resnet18", 32).as_deref(), Some("layer4.0.bn1"));
        assert_eq!(norm("mlp-800", 4), None, "a perceptron has no norm");
    }
}
