//! What is done to a convolution's sums before they are written.

use super::lanes::{LANES, Lanes};
use crate::Activation;

impl Activation {
    /// The activation of each lane.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    #[inline(always)]
    pub(crate) unsafe fn apply<L: Lanes>(self, x: L::V) -> L::V {
        match self {
            Self::Identity => x,
            // In this order what is not a number stays so.
            Self::Relu => L::max(L::zero(), x),
            Self::Relu6 => L::min(L::splat(6.0), L::max(L::zero(), x)),
        }
    }
}

/// y = activation(scale · sum + shift + residual), by channel.
#[derive(Debug, Default)]
pub(crate) struct Finish<'a> {
    /// By channel, and a vector of zeros: the channels of a group may begin anywhere.
    scale: Option<Vec<f32>>,
    /// By channel, and a vector of zeros.
    shift: Option<Vec<f32>>,
    /// In the shape of the result.
    pub(crate) residual: Option<&'a [f32]>,
    pub(crate) activation: Activation,
}

impl<'a> Finish<'a> {
    /// scale · sum + shift.
    pub(crate) fn affine(scale: Option<&[f32]>, shift: Option<&[f32]>) -> Self {
        let fill = |values: &[f32]| {
            let mut values = values.to_vec();
            values.resize(values.len() + LANES, 0.0);
            values
        };
        Self { scale: scale.map(fill), shift: shift.map(fill), ..Self::default() }
    }

    /// The vector that begins at `channel` and is written `at` this place of the result, where
    /// `count` of its lanes are.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. Scale and shift have this channel, and a residual has
    /// `count` numbers from `at` on.
    #[inline(always)]
    pub(crate) unsafe fn apply<L: Lanes>(
        &self,
        sum: L::V,
        channel: usize,
        at: usize,
        count: usize,
    ) -> L::V {
        let mut x = sum;
        if let Some(shift) = &self.shift {
            let shift = L::load(shift.as_ptr().add(channel));
            x = match &self.scale {
                Some(scale) => L::mul_add(L::load(scale.as_ptr().add(channel)), x, shift),
                None => L::add(x, shift),
            };
        }
        if let Some(residual) = self.residual {
            x = L::add(x, L::load_some(residual.as_ptr().add(at), count));
        }
        self.activation.apply::<L>(x)
    }

    /// Whether it changes anything.
    #[inline(always)]
    pub(crate) fn is_something(&self) -> bool {
        let affine = self.scale.is_some() || self.shift.is_some();
        affine || self.residual.is_some() || self.activation != Activation::Identity
    }

    /// Finishes `columns` sums, those of `channel` and behind it, and writes them; in place, too.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`. Scale and shift have these channels, and a residual has
    /// `columns` numbers from `at` on. `sums` is readable and `to` is writable, by this task alone,
    /// for `columns` numbers.
    #[inline(always)]
    pub(crate) unsafe fn write<L: Lanes>(
        &self,
        sums: *const f32,
        to: *mut f32,
        columns: usize,
        channel: usize,
        at: usize,
    ) {
        for column in (0..columns).step_by(LANES) {
            let count = (columns - column).min(LANES);
            let sum = L::load_some(sums.add(column), count);
            let value = self.apply::<L>(sum, channel + column, at + column, count);
            L::store_some(to.add(column), count, value);
        }
    }
}
