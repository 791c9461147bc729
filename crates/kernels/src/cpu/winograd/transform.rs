//! The one-dimensional transforms of Winograd's minimal filtering for windows of three: F(4, 3) with
//! the points 0, ±1, ±2 and F(2, 3) with 0, ±1 (Lavin and Gray 2016, arXiv:1509.09308, section 4).
//!
//! For a map d, a window g and their output y: y = Aᵀ((G g) ⊙ (Bᵀ d)), twice for two dimensions.
//! Gradients go through the same matrices the other way.

use crate::cpu::lanes::Lanes;

/// Room for the longer of the two: the shorter leaves the last ones alone.
pub(crate) type Line<V> = [V; 6];

/// Outputs of a tile's side and length of its window.
pub(crate) trait Tiling: Copy + Send + Sync + 'static {
    /// Outputs.
    const OUT: usize;
    /// Inputs: outputs and two more.
    const IN: usize;

    /// Bᵀ d: a line of the map.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn map<L: Lanes>(d: Line<L::V>) -> Line<L::V>;
    /// Aᵀ m: a line of the output.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn output<L: Lanes>(m: Line<L::V>) -> Line<L::V>;
    /// A y: a line of the output's gradient.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn gradient<L: Lanes>(y: Line<L::V>) -> Line<L::V>;
    /// G g: a line of the window.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn window<L: Lanes>(g: Line<L::V>) -> Line<L::V>;
    /// Gᵀ u: a line of the window's gradient.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    unsafe fn window_gradient<L: Lanes>(u: Line<L::V>) -> Line<L::V>;
}

/// 4x4 outputs with a quarter of the products.
#[derive(Clone, Copy)]
pub(crate) struct Four;

/// 2x2 outputs with 4/9 of the products.
#[derive(Clone, Copy)]
pub(crate) struct Two;

impl Tiling for Four {
    const OUT: usize = 4;
    const IN: usize = 6;

    #[inline(always)]
    unsafe fn map<L: Lanes>([d0, d1, d2, d3, d4, d5]: Line<L::V>) -> Line<L::V> {
        let (four, five, two) = (L::splat(4.0), L::splat(-5.0), L::splat(2.0));
        let minus_four = L::splat(-4.0);
        let even = L::mul_add(minus_four, d2, d4);
        let odd = L::mul_add(minus_four, d1, d3);
        let half_even = L::sub(d4, d2);
        let half_odd = L::mul(two, L::sub(d3, d1));
        [
            L::mul_add(four, d0, L::mul_add(five, d2, d4)),
            L::add(even, odd),
            L::sub(even, odd),
            L::add(half_even, half_odd),
            L::sub(half_even, half_odd),
            L::mul_add(four, d1, L::mul_add(five, d3, d5)),
        ]
    }

    #[inline(always)]
    unsafe fn output<L: Lanes>([m0, m1, m2, m3, m4, m5]: Line<L::V>) -> Line<L::V> {
        let (sum, difference) = (L::add(m1, m2), L::sub(m1, m2));
        let (far_sum, far_difference) = (L::add(m3, m4), L::sub(m3, m4));
        let zero = L::zero();
        [
            L::add(L::add(m0, sum), far_sum),
            L::mul_add(L::splat(2.0), far_difference, difference),
            L::mul_add(L::splat(4.0), far_sum, sum),
            L::add(L::mul_add(L::splat(8.0), far_difference, difference), m5),
            zero,
            zero,
        ]
    }

    #[inline(always)]
    unsafe fn gradient<L: Lanes>([y0, y1, y2, y3, ..]: Line<L::V>) -> Line<L::V> {
        let (even, odd) = (L::add(y0, y2), L::add(y1, y3));
        let far_even = L::mul_add(L::splat(4.0), y2, y0);
        let far_odd = L::mul_add(L::splat(8.0), y3, L::mul(L::splat(2.0), y1));
        [
            y0,
            L::add(even, odd),
            L::sub(even, odd),
            L::add(far_even, far_odd),
            L::sub(far_even, far_odd),
            y3,
        ]
    }

    #[inline(always)]
    unsafe fn window<L: Lanes>([g0, g1, g2, ..]: Line<L::V>) -> Line<L::V> {
        let sixth = L::splat(-1.0 / 6.0);
        let outer = L::mul(sixth, L::add(g0, g2));
        let middle = L::mul(sixth, g1);
        let far = L::mul_add(L::splat(1.0 / 24.0), g0, L::mul(L::splat(1.0 / 6.0), g2));
        let far_middle = L::mul(L::splat(1.0 / 12.0), g1);
        [
            L::mul(L::splat(0.25), g0),
            L::add(outer, middle),
            L::sub(outer, middle),
            L::add(far, far_middle),
            L::sub(far, far_middle),
            g2,
        ]
    }

    #[inline(always)]
    unsafe fn window_gradient<L: Lanes>([u0, u1, u2, u3, u4, u5]: Line<L::V>) -> Line<L::V> {
        let sixth = L::splat(-1.0 / 6.0);
        let near = L::mul(sixth, L::add(u1, u2));
        let near_difference = L::mul(sixth, L::sub(u1, u2));
        let far = L::add(u3, u4);
        let far_difference = L::sub(u3, u4);
        let first = L::mul_add(L::splat(0.25), u0, near);
        let zero = L::zero();
        [
            L::mul_add(L::splat(1.0 / 24.0), far, first),
            L::mul_add(L::splat(1.0 / 12.0), far_difference, near_difference),
            L::add(L::mul_add(L::splat(1.0 / 6.0), far, near), u5),
            zero,
            zero,
            zero,
        ]
    }
}

impl Tiling for Two {
    const OUT: usize = 2;
    const IN: usize = 4;

    #[inline(always)]
    unsafe fn map<L: Lanes>([d0, d1, d2, d3, rest @ ..]: Line<L::V>) -> Line<L::V> {
        [L::sub(d0, d2), L::add(d1, d2), L::sub(d2, d1), L::sub(d1, d3), rest[0], rest[1]]
    }

    #[inline(always)]
    unsafe fn output<L: Lanes>([m0, m1, m2, m3, rest @ ..]: Line<L::V>) -> Line<L::V> {
        let first = L::add(m0, L::add(m1, m2));
        [first, L::sub(L::sub(m1, m2), m3), m2, m3, rest[0], rest[1]]
    }

    #[inline(always)]
    unsafe fn gradient<L: Lanes>([y0, y1, _, _, rest @ ..]: Line<L::V>) -> Line<L::V> {
        let minus = L::sub(L::zero(), y1);
        [y0, L::add(y0, y1), L::sub(y0, y1), minus, rest[0], rest[1]]
    }

    #[inline(always)]
    unsafe fn window<L: Lanes>([g0, g1, g2, _, rest @ ..]: Line<L::V>) -> Line<L::V> {
        let half = L::splat(0.5);
        let outer = L::mul(half, L::add(g0, g2));
        let middle = L::mul(half, g1);
        [g0, L::add(outer, middle), L::sub(outer, middle), g2, rest[0], rest[1]]
    }

    #[inline(always)]
    unsafe fn window_gradient<L: Lanes>([u0, u1, u2, u3, rest @ ..]: Line<L::V>) -> Line<L::V> {
        let half = L::splat(0.5);
        let sum = L::mul(half, L::add(u1, u2));
        let difference = L::mul(half, L::sub(u1, u2));
        [L::add(u0, sum), difference, L::add(sum, u3), u3, rest[0], rest[1]]
    }
}
