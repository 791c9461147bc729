//! What the machine could do at best, to compare kernels with.

use std::{hint::black_box, time::Instant};

use rayon::prelude::*;

use super::{
    lanes::{LANES, Lanes},
    path::{Kernel, Path},
};

/// Vectors that are worked on at once: enough to hide the latency, few enough for the registers.
const VECTORS: usize = 6;
const ROUNDS: usize = 2_000_000;

/// Floating-point operations a second of multiply-adds on numbers in registers, by all threads of the
/// pool together: the best of five measurements of some milliseconds.
pub fn measured_peak() -> f64 {
    let path = Path::chosen();
    let threads = rayon::current_num_threads();
    let operations = (threads * ROUNDS * 2 * VECTORS * LANES * 2) as f64;
    let mut best = 0.0_f64;
    for _ in 0..5 {
        let started = Instant::now();
        (0..threads).into_par_iter().for_each(|_| {
            // SAFETY: the path is one of this machine's.
            black_box(unsafe { path.run(Chains(black_box(0.999))) });
        });
        best = best.max(operations / started.elapsed().as_secs_f64());
    }
    best
}

/// Chains of multiply-adds that do not wait for one another.
struct Chains(f32);

impl Kernel for Chains {
    type Output = f32;

    /// # Safety
    /// The CPU has the instructions of `L`.
    #[inline(always)]
    unsafe fn run<L: Lanes>(self) -> f32 {
        let factor = L::splat(self.0);
        // Each chain begins elsewhere, or the compiler makes one of them all.
        let mut even = [L::zero(); VECTORS];
        let mut odd = even;
        for n in 0..VECTORS {
            even[n] = L::splat(black_box(n as f32));
            odd[n] = L::splat(black_box(-1.0 - n as f32));
        }
        for _ in 0..ROUNDS {
            for n in 0..VECTORS {
                even[n] = L::mul_add(even[n], factor, factor);
                odd[n] = L::mul_add(odd[n], factor, factor);
            }
        }
        // Every chain counts, or the compiler leaves it out.
        let mut sum = L::zero();
        for n in 0..VECTORS {
            sum = L::add(sum, L::add(even[n], odd[n]));
        }
        let mut lanes = [0.0; LANES];
        L::store(lanes.as_mut_ptr(), sum);
        lanes[0]
    }
}
