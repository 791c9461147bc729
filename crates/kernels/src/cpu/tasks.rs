//! Tasks on the threads of rayon's pool.

use rayon::prelude::*;

/// Numbers that are gone through sooner than another thread wakes up.
const FEW: usize = 16 * 1024;

/// Does `count` tasks that go through so many numbers all together, on the pool's threads where that is
/// worth it.
pub(crate) fn each(count: usize, numbers: usize, task: impl Fn(usize) + Send + Sync) {
    if numbers <= FEW || count == 1 {
        (0..count).for_each(task);
    } else {
        (0..count).into_par_iter().for_each(task);
    }
}
