//! Sixteen single-precision numbers at a time, for each kind of CPU.
//!
//! Kernels are written once over [`Lanes`] and compiled for each [`Path`](super::Path).

/// Numbers in one vector, on every path.
pub(crate) const LANES: usize = 16;

/// Vectors of [`LANES`] single-precision numbers, with the instructions of one kind of CPU. What is called with
/// them is inlined into [`Kernel::run`](super::path::Kernel::run). Pointers need no alignment.
pub(crate) trait Lanes: Copy + 'static {
    /// One vector.
    type V: Copy;
    /// Rows of the register tile: as many as leave room for the panel's vectors.
    const ROWS: usize;
    /// Vectors of the register tile's width.
    const VECTORS: usize;

    /// The same number in every lane.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn splat(x: f32) -> Self::V;
    /// [`LANES`] numbers from memory.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation, and `from` is valid for reading
    /// [`LANES`] numbers.
    unsafe fn load(from: *const f32) -> Self::V;
    /// Writes all lanes to memory.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation, and `to` is valid for writing [`LANES`]
    /// numbers.
    unsafe fn store(to: *mut f32, x: Self::V);
    /// a + b.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// a − b.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// a·b.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V;
    /// a·b + c, rounded once where the CPU can.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// The larger one; `b` where `a` is not a number.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// The smaller one; `b` where `a` is not a number.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// `x` where `a > b`, elsewhere `y`.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    unsafe fn if_greater(a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V;

    /// The first `count` lanes, from 1 to 16; zeros behind.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation, and `from` is valid for reading `count`
    /// numbers.
    #[inline(always)]
    unsafe fn load_some(from: *const f32, count: usize) -> Self::V {
        if count >= LANES {
            return Self::load(from);
        }
        let mut lanes = [0.0_f32; LANES];
        std::ptr::copy_nonoverlapping(from, lanes.as_mut_ptr(), count);
        Self::load(lanes.as_ptr())
    }

    /// Stores the first `count` lanes, from 1 to 16.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation, and `to` is valid for writing `count`
    /// numbers.
    #[inline(always)]
    unsafe fn store_some(to: *mut f32, count: usize, x: Self::V) {
        if count >= LANES {
            return Self::store(to, x);
        }
        let mut lanes = [0.0_f32; LANES];
        Self::store(lanes.as_mut_ptr(), x);
        std::ptr::copy_nonoverlapping(lanes.as_ptr(), to, count);
    }

    /// Zeros.
    ///
    /// # Safety
    /// The CPU has the instructions of the implementation.
    #[inline(always)]
    unsafe fn zero() -> Self::V {
        Self::splat(0.0)
    }
}

/// Plain Rust, which the compiler turns into what the target has at the least: SSE2, NEON.
#[derive(Clone, Copy)]
pub(crate) struct Portable;

#[inline(always)]
fn each(f: impl Fn(usize) -> f32) -> [f32; LANES] {
    let mut lanes = [0.0; LANES];
    for (lane, x) in lanes.iter_mut().enumerate() {
        *x = f(lane);
    }
    lanes
}

impl Lanes for Portable {
    type V = [f32; LANES];
    const ROWS: usize = 2;
    const VECTORS: usize = 1;

    #[inline(always)]
    unsafe fn splat(x: f32) -> Self::V {
        [x; LANES]
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self::V {
        from.cast::<Self::V>().read_unaligned()
    }
    #[inline(always)]
    unsafe fn store(to: *mut f32, x: Self::V) {
        to.cast::<Self::V>().write_unaligned(x);
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] + b[i])
    }
    #[inline(always)]
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] - b[i])
    }
    #[inline(always)]
    unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
        each(|i| a[i] * b[i])
    }
    #[inline(always)]
    unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
        // Without the instruction, `f32::mul_add` is a call.
        if cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            each(|i| a[i].mul_add(b[i], c[i]))
        } else {
            each(|i| a[i] * b[i] + c[i])
        }
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] > b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        each(|i| if a[i] < b[i] { a[i] } else { b[i] })
    }
    #[inline(always)]
    unsafe fn if_greater(a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V {
        each(|i| if a[i] > b[i] { x[i] } else { y[i] })
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use x86::{Avx2, Avx512};

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::{LANES, Lanes};

    /// AVX-512: 32 registers of 16 lanes.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512;

    impl Lanes for Avx512 {
        type V = __m512;
        const ROWS: usize = 12;
        const VECTORS: usize = 2;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            _mm512_set1_ps(x)
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            _mm512_loadu_ps(from)
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, x: Self::V) {
            _mm512_storeu_ps(to, x);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            _mm512_add_ps(a, b)
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            _mm512_sub_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            _mm512_mul_ps(a, b)
        }
        #[inline(always)]
        unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            _mm512_fmadd_ps(a, b, c)
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            _mm512_max_ps(a, b)
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            _mm512_min_ps(a, b)
        }
        #[inline(always)]
        unsafe fn if_greater(a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V {
            _mm512_mask_blend_ps(_mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b), y, x)
        }
        #[inline(always)]
        unsafe fn load_some(from: *const f32, count: usize) -> Self::V {
            _mm512_maskz_loadu_ps(first(count), from)
        }
        #[inline(always)]
        unsafe fn store_some(to: *mut f32, count: usize, x: Self::V) {
            if count >= LANES {
                return Self::store(to, x);
            }
            _mm512_mask_storeu_ps(to, first(count), x);
        }
    }

    #[inline(always)]
    fn first(count: usize) -> __mmask16 {
        ((1_u32 << count.min(LANES)) - 1) as __mmask16
    }

    /// AVX2 with fused multiply-add: 16 registers of 8 lanes, two of them a vector.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    impl Lanes for Avx2 {
        type V = [__m256; 2];
        const ROWS: usize = 6;
        const VECTORS: usize = 1;

        #[inline(always)]
        unsafe fn splat(x: f32) -> Self::V {
            [_mm256_set1_ps(x); 2]
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self::V {
            [_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8))]
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, x: Self::V) {
            _mm256_storeu_ps(to, x[0]);
            _mm256_storeu_ps(to.add(8), x[1]);
        }
        #[inline(always)]
        unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
            [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn sub(a: Self::V, b: Self::V) -> Self::V {
            [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn mul(a: Self::V, b: Self::V) -> Self::V {
            [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn mul_add(a: Self::V, b: Self::V, c: Self::V) -> Self::V {
            [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])]
        }
        #[inline(always)]
        unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
            [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
            [_mm256_min_ps(a[0], b[0]), _mm256_min_ps(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn if_greater(a: Self::V, b: Self::V, x: Self::V, y: Self::V) -> Self::V {
            let low = _mm256_cmp_ps::<_CMP_GT_OQ>(a[0], b[0]);
            let high = _mm256_cmp_ps::<_CMP_GT_OQ>(a[1], b[1]);
            [_mm256_blendv_ps(y[0], x[0], low), _mm256_blendv_ps(y[1], x[1], high)]
        }
    }
}
