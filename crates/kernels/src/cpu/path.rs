//! Which instructions the kernels use, decided once when the program runs.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use super::lanes::{Avx2, Avx512};
use super::lanes::{Lanes, Portable};

/// A set of instructions that the kernels are compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// What every CPU of the target has.
    Portable,
    /// AVX2 and fused multiply-add.
    Avx2,
    /// AVX-512 F, BW, DQ and VL.
    Avx512,
}

/// Work that is compiled for every path.
pub(crate) trait Kernel {
    /// What it gives.
    type Output;

    /// Does it. Implementations are `#[inline(always)]`, and so is all that they call with `L`: the
    /// instructions of a path are only there inside the function that it compiles this into.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`, and the fields are as the implementation asks.
    unsafe fn run<L: Lanes>(self) -> Self::Output;
}

impl Path {
    /// The best path of this CPU, or the one that the environment variable `DISTILL_CPU` names:
    /// `avx512`, `avx2` or `portable`. One that the CPU does not have, or that there is not, gives
    /// the best one.
    pub fn chosen() -> Self {
        static CHOSEN: OnceLock<Path> = OnceLock::new();
        *CHOSEN.get_or_init(|| {
            let asked = std::env::var("DISTILL_CPU").ok().and_then(|name| Self::named(&name));
            let available = Self::available();
            let best = available.iter().copied().max().unwrap_or(Self::Portable);
            asked.filter(|path| available.contains(path)).unwrap_or(best)
        })
    }

    /// The paths that this CPU can run.
    pub fn available() -> Vec<Self> {
        let mut paths = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                paths.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("fma")
            {
                paths.push(Self::Avx512);
            }
        }
        paths
    }

    /// Its name in `DISTILL_CPU`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    fn named(name: &str) -> Option<Self> {
        [Self::Portable, Self::Avx2, Self::Avx512].into_iter().find(|path| path.name() == name)
    }

    /// Columns of a full panel of packed weights.
    pub(crate) fn panel(self) -> usize {
        let vectors = match self {
            Self::Portable => Portable::VECTORS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Avx2::VECTORS,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Avx512::VECTORS,
            #[cfg(not(target_arch = "x86_64"))]
            _ => Portable::VECTORS,
        };
        vectors * super::lanes::LANES
    }

    /// Runs `kernel` with this path's instructions.
    ///
    /// # Safety
    /// What the kernel asks of its own fields; the path is one of [`available`](Self::available).
    #[inline]
    pub(crate) unsafe fn run<K: Kernel>(self, kernel: K) -> K::Output {
        // SAFETY: paths beyond the portable one are only made where the CPU has their instructions.
        match self {
            Self::Portable => kernel.run::<Portable>(),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => with_avx2(kernel),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => with_avx512(kernel),
            #[cfg(not(target_arch = "x86_64"))]
            _ => kernel.run::<Portable>(),
        }
    }
}

/// Compiles a kernel for [`Path::Avx2`].
///
/// # Safety
/// The CPU has AVX2 and fused multiply-add, and the kernel's fields are as it asks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx2>()
}

/// Compiles a kernel for [`Path::Avx512`].
///
/// # Safety
/// The CPU has AVX-512 F, BW, DQ and VL, and the kernel's fields are as it asks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
unsafe fn with_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run::<Avx512>()
}
