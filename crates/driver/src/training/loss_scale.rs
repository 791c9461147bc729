//! The factor that keeps small gradients from vanishing in half precision.

use serde::{Deserialize, Serialize};

/// Dynamic loss scaling (Micikevicius et al. 2017, arXiv:1710.03740, section 3.2) with the numbers of PyTorch's
/// `GradScaler`: halved where gradients overflow, doubled after 2000 steps in a row that did not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct LossScale {
    factor: f64,
    /// Since it was changed.
    steps: u32,
}

const FIRST: f64 = 65536.0;
const STEPS: u32 = 2000;
/// Beyond this a loss in single precision would overflow itself.
const LARGEST: f64 = 16_777_216.0;

impl Default for LossScale {
    fn default() -> Self {
        Self { factor: FIRST, steps: 0 }
    }
}

impl LossScale {
    pub(crate) fn factor(&self) -> f64 {
        self.factor
    }

    pub(crate) fn held(&mut self) {
        self.steps += 1;
        if self.steps == STEPS {
            *self = Self { factor: (self.factor * 2.0).min(LARGEST), steps: 0 };
        }
    }

    pub(crate) fn overflowed(&mut self) {
        *self = Self { factor: self.factor / 2.0, steps: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_halves_at_an_overflow_and_doubles_after_two_thousand_steps_without() {
        let mut scale = LossScale::default();
        (0..1999).for_each(|_| scale.held());
        assert_eq!(scale.factor(), 65536.0);
        scale.held();
        assert_eq!(scale.factor(), 131_072.0);
        (0..1999).for_each(|_| scale.held());
        scale.overflowed();
        assert_eq!(scale.factor(), 65536.0);
        // The count begins anew.
        (0..1999).for_each(|_| scale.held());
        assert_eq!(scale.factor(), 65536.0);
        (0..100_000).for_each(|_| scale.held());
        assert_eq!(scale.factor(), LARGEST);
    }
}
